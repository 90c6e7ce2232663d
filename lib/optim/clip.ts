import * as ops from '../ops/index.ts'
import { noGrad } from '../autograd/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'

/**
 * The norm of all gradients taken as one vector.
 *
 * @returns a scalar tensor
 */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  return noGrad(() => scope(() => ops.linalgVectorNorm(ops.stack(ops.foreachNorm(gradients)))))
}

/**
 * Scales all gradients together so that their global norm is at most `maxNorm`:
 * `g * min(1, maxNorm / (norm + 1e-6))`, as torch's `clip_grad_norm_`. The factor stays on the device; nothing is read.
 *
 * @param gradients Changed in place.
 * @returns the norm before clipping, a scalar tensor
 */
export function clipByGlobalNorm_(gradients: readonly Tensor[], maxNorm: number): Tensor {
  return noGrad(() =>
    scope(() => {
      const norm = globalNorm(gradients)
      // The reciprocal and then the product, as Python's `number / tensor` is: the bits are torch's.
      const factor = ops.clamp(ops.mul(ops.reciprocal(ops.add(norm, 1e-6)), maxNorm), { max: 1 })
      ops.foreachMulTensor_(gradients, factor)
      return norm
    }),
  )
}
