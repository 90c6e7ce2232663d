import { linalgVectorNorm, mul, stack, sum, to } from '../ops/index.ts'
import type { DType, Tensor } from '../tensor/index.ts'

/** The 2-norm of a list of tensors taken as one vector, a scalar accumulated in float64. */
export function norm(vector: readonly Tensor[]): Tensor {
  return linalgVectorNorm(stack(vector.map(part => linalgVectorNorm(part, { dtype: 'float64' }))))
}

/** The scalar product of two lists of tensors, each taken as one vector; accumulated in float64. */
export function dot(x: readonly Tensor[], y: readonly Tensor[]): Tensor {
  return sum(stack(x.map((part, i) => sum(mul(part, y[i]!), { dtype: 'float64' }))))
}

/** Copies that can be added up: float64 stays, everything narrower becomes float32. */
export function widened(vector: readonly Tensor[]): Tensor[] {
  return vector.map(part => to(part, { dtype: part.dtype === 'float64' ? 'float64' : 'float32', copy: true }))
}

const spacing: Partial<Record<DType, number>> = { float64: 2 ** -52, float32: 2 ** -23, float16: 2 ** -10 }

/** The rounding of the narrowest type in the list: the distance from 1 to the next number. */
export function rounding(vector: readonly Tensor[]): number {
  return Math.max(...vector.map(({ dtype }) => spacing[dtype] ?? 2 ** -7))
}
