import { linalgVectorNorm, stack } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'

/** The 2-norm of a list of tensors taken as one vector, a scalar accumulated in float64. */
export function norm(vector: readonly Tensor[]): Tensor {
  return linalgVectorNorm(stack(vector.map(part => linalgVectorNorm(part, { dtype: 'float64' }))))
}
