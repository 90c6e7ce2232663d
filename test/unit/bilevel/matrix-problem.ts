import type { BilevelProblem } from '../../../lib/bilevel/index.ts'
import { add, cat, mul, mv, square, sub, sum } from '../../../lib/ops/index.ts'
import { type DType, type Tensor, tensor } from '../../../lib/tensor/index.ts'

export type Matrix = readonly (readonly number[])[]

/**
 * Lower 0.5 w.Hw - w.m, upper 0.5 w.w + sum(m): v is w, the mixed derivative -I and the direct gradient 1, so that the
 * hypergradient is 1 + what stands for H^-1 v. w is two tensors where it has more than one entry.
 */
export function matrixProblem(
  hessian: Matrix,
  w: readonly number[],
  dtype: DType = 'float64',
): BilevelProblem<null> & { losses: Tensor[] } {
  const leaf = (values: readonly number[]) => tensor([...values], { dtype, requiresGrad: true })
  const matrix = tensor(
    hessian.map(row => [...row]),
    { dtype },
  )
  const weights = w.length > 1 ? [leaf(w.slice(0, 1)), leaf(w.slice(1))] : [leaf(w)]
  const m = leaf(w.map(() => 0.5))
  const whole = () => cat(weights)
  const losses: Tensor[] = []
  return {
    lowerLoss: () => {
      const loss = sub(mul(sum(mul(whole(), mv(matrix, whole()))), 0.5), sum(mul(whole(), m)))
      losses.push(loss)
      return loss
    },
    upperLoss: () => add(mul(sum(square(whole())), 0.5), sum(m)),
    lowerParameters: weights,
    upperParameters: [m],
    losses,
  }
}

export const times = (matrix: Matrix, x: readonly number[]): number[] =>
  matrix.map(row => row.reduce((total, value, i) => total + value * x[i]!, 0))

export const length = (x: readonly number[]): number => Math.hypot(...x)

/** A symmetric matrix with these eigenvalues, and no axis among its eigenvectors: a reflection of the diagonal one. */
export function withEigenvalues(values: readonly number[]): number[][] {
  const u = values.map((_, i) => Math.sin(1 + 2 * i))
  const scale = 2 / u.reduce((total, x) => total + x * x, 0)
  const q = values.map((_, i) => values.map((_, j) => Number(i === j) - scale * u[i]! * u[j]!))
  return q.map(row => q.map(other => row.reduce((total, x, k) => total + x * values[k]! * other[k]!, 0)))
}
