import { ArgumentError, TorchError } from '../errors.ts'
import { detach, view } from '../ops/index.ts'
import { addon, getRngState, scope, setRngState, Tensor } from '../tensor/index.ts'
import { autocastOfNow } from './autocast.ts'
import { frozenProductsOfNow } from './frozen-products.ts'
import { isForwardMode } from './forward.ts'
import { grad } from './grad.ts'
import { enableGrad, isGradEnabled, recordLater } from './mode.ts'

export interface CheckpointOptions {
  /** Tensors that `fn` uses beside its inputs and that gradients may be asked for. */
  parameters?: readonly Tensor[]
}

/**
 * Runs `fn` without keeping what its backward needs, and runs it again in the backward: memory for one part of a model
 * at a time, for the time of one more forward ("Training Deep Nets with Sublinear Memory Cost", 3.3). The second run
 * draws the same random numbers and has the same autocast as the first, so the gradients are the same to the bit.
 *
 * `fn` must do the same both times: what it reads beside its inputs must not change until the backward.
 *
 * There are first derivatives only: `grad` with `createGraph` throws. Where nothing needs a gradient, `fn` just runs.
 *
 * @param fn synchronous, of `inputs` to one tensor
 * @throws ArgumentError where `fn` gives something else than a tensor
 *
 * @example
 * const y = checkpoint(x => layer.forward(x), [x], { parameters: layer.parameters() })
 */
export function checkpoint(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: CheckpointOptions = {},
): Tensor {
  const parameters = (options.parameters ?? []).filter(parameter => parameter.requiresGrad)
  const requiring = inputs.map(input => input.requiresGrad)
  // Under jvp it keeps all: a part that is computed again has no derivative in forward mode.
  if (!isGradEnabled() || isForwardMode() || (parameters.length === 0 && !requiring.includes(true)))
    return fn(...inputs)

  const native = addon()
  const replay = replayer([...inputs, ...parameters])
  const underSameAutocast = autocastOfNow()
  const withSameProducts = frozenProductsOfNow()
  const recompute = (cotangent: Tensor, saved: Tensor[], needed: boolean[]): (Tensor | null)[] => {
    if (isGradEnabled()) throw secondDerivative()
    const leaves = requiring.map((requires, i) => {
      const leaf = detach(saved[i]!)
      if (requires) leaf.requiresGrad = true
      return leaf
    })
    // Views, no leaves: autocast keeps one cast copy of a leaf for all its uses, whose gradients would then be added in the
    // narrow type, unlike those of the forward pass.
    const given = () => leaves.map(leaf => (leaf.requiresGrad ? view(leaf, leaf.shape) : leaf))
    const output = replay(() => enableGrad(() => underSameAutocast(() => withSameProducts(() => fn(...given())))))
    const all = [...leaves, ...parameters]
    const wanted = all.filter((_, i) => needed[i])
    const gradients = grad([output], wanted, { gradOutputs: [cotangent], allowUnused: true })
    return all.map((_, i) => (needed[i] ? gradients.shift()! : null))
  }

  const output = recordLater(() => scope(() => fn(...inputs)))
  if (!(output instanceof Tensor)) {
    throw new ArgumentError(
      'CHECKPOINT_OUTPUT',
      `checkpoint: expected a function that gives one tensor, got ${output === null ? 'null' : typeof output}`,
    )
  }
  const attached = native.checkpoint(output, [...inputs, ...parameters], recompute)
  if (!inputs.includes(output) && !parameters.includes(output)) output.dispose()
  return attached
}

/** A function that runs others with the random state of now, and leaves the state as it found it. */
function replayer(tensors: readonly Tensor[]): <T>(run: () => T) => T {
  const devices = [...new Set(['cpu', ...tensors.map(tensor => tensor.device)])]
  const states = devices.map(device => getRngState(device))
  const put = (values: readonly Uint8Array[]) => {
    for (const [i, device] of devices.entries()) setRngState(values[i]!, device)
  }
  return run => {
    const present = devices.map(device => getRngState(device))
    put(states)
    try {
      return run()
    } finally {
      put(present)
    }
  }
}

function secondDerivative(): TorchError {
  return new TorchError(
    'CHECKPOINT_SECOND',
    'grad: expected a graph without gradient checkpoints for createGraph, got one with them; what is computed again has no second derivative: switch gradient checkpointing off, or take a method of first derivatives',
  )
}
