import { ShapeError } from '../errors.ts'
import { zerosLike } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { grad } from './grad.ts'

/** Whether the graph is kept for another traversal, or the result itself can be differentiated again. */
export interface ProductOptions {
  retainGraph?: boolean
  createGraph?: boolean
}

/**
 * v^T J: the gradient of `sum_i <outputs[i], vectors[i]>` with respect to every input. An input that no output depends
 * on gets zeros.
 *
 * @throws ShapeError where `vectors` does not match `outputs`
 */
export function vectorJacobian(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  vectors: readonly Tensor[],
  options: ProductOptions = {},
): Tensor[] {
  checkVectors('vectorJacobian', outputs, vectors)
  const used = outputs.map((_, i) => i).filter(i => outputs[i]!.requiresGrad)
  if (used.length === 0) return inputs.map(input => zerosLike(input))
  const gradients = grad(
    used.map(i => outputs[i]!),
    [...inputs],
    { ...options, allowUnused: true, gradOutputs: used.map(i => vectors[i]!) },
  )
  return inputs.map((input, i) => gradients[i] ?? zerosLike(input))
}

/**
 * `[ d2 loss / dothers dinputs ] vector`: the gradient with respect to `others` of `<grad_inputs loss, vector>`, by
 * double backward.
 *
 * @param vector one tensor per input, of its shape
 * @returns one tensor per element of `others`, of its shape
 * @throws ShapeError where `vector` does not match `inputs`
 */
export function mixedProduct(
  loss: Tensor,
  inputs: readonly Tensor[],
  others: readonly Tensor[],
  vector: readonly Tensor[],
  options: ProductOptions = {},
): Tensor[] {
  checkVectors('mixedProduct', inputs, vector)
  return scope(() => {
    const first = grad(loss, [...inputs], { createGraph: true, allowUnused: true })
    const used = first.map((_, i) => i).filter(i => first[i] !== null)
    return vectorJacobian(
      used.map(i => first[i]!),
      others,
      used.map(i => vector[i]!),
      options,
    )
  })
}

/**
 * `H vector`, H the matrix of second derivatives of `loss` with respect to all inputs together, by double backward.
 *
 * @param vector one tensor per input, of its shape
 * @returns one tensor per input, of its shape
 */
export function hessianVectorProduct(
  loss: Tensor,
  inputs: readonly Tensor[],
  vector: readonly Tensor[],
  options: ProductOptions = {},
): Tensor[] {
  return mixedProduct(loss, inputs, inputs, vector, options)
}

function checkVectors(where: string, tensors: readonly Tensor[], vectors: readonly Tensor[]): void {
  const shapes = (list: readonly Tensor[]) => list.map(tensor => `[${tensor.shape.join(', ')}]`).join(' ')
  if (shapes(tensors) === shapes(vectors)) return
  throw new ShapeError(
    'PRODUCT_SHAPE',
    `${where}: expected one vector for each tensor, of shapes ${shapes(tensors)}, got ${shapes(vectors)}; give one of the same shape for each`,
    {
      expected: tensors.map(tensor => tensor.shape),
      got: vectors.map(tensor => tensor.shape),
    },
  )
}
