import { addon, type Tensor } from '../tensor/index.ts'
import { isForwardMode } from './forward.ts'

export interface GradOptions {
  /** Record the backward itself, for derivatives of the result. Default false; inside `jvp` it always is. */
  createGraph?: boolean
  /** Keep the graph for another `grad`. Default: `createGraph`. */
  retainGraph?: boolean
  /** Give null for an input that the output does not depend on, instead of throwing. Default false. */
  allowUnused?: boolean
  /** Cotangents, one for each output, of its shape. Default: one, for outputs of one element. */
  gradOutputs?: readonly Tensor[]
}

/**
 * Gradients of `outputs` (one scalar, or several tensors with `gradOutputs`) with respect to `inputs`, each of its input's
 * shape. Nothing is accumulated anywhere.
 *
 * @throws TorchError where an input was not used (without `allowUnused`), needs no gradient, or the graph is gone.
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[]
export function grad(outputs: Tensor | readonly Tensor[], inputs: readonly Tensor[], options?: GradOptions): Tensor[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const { createGraph = false, retainGraph = createGraph, allowUnused = false, gradOutputs } = options
  const list = Array.isArray(outputs) ? (outputs as readonly Tensor[]) : [outputs as Tensor]
  const cotangents = gradOutputs ?? list.map(() => null)
  // Where results shall have tangents (`jvp`) the backward must be differentiable too: some of libtorch's take a shorter
  // way otherwise, over values that carry no tangent (`linalg_solve` would be wrong without a sign of it).
  const recorded = createGraph || isForwardMode()
  return addon().grad(list, inputs, cotangents, retainGraph, recorded, allowUnused)
}
