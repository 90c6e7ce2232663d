import type { BilevelProblem } from '../../../lib/bilevel/index.ts'
import { add, mul, square, sub, sum } from '../../../lib/ops/index.ts'
import { type Tensor, tensor } from '../../../lib/tensor/index.ts'

/** A problem whose hypergradient is known: lower 0.5 ||w - lambda||^2, upper 0.5 ||w - target||^2; it is w - target. */
export interface Quadratic extends BilevelProblem<null> {
  weights: Tensor[]
  lambdas: Tensor[]
  expected: number[][]
}

export const POINTS = {
  weight: [
    [1, -2],
    [0.5, 3, 4],
  ],
  lambda: [
    [0.25, 0.5],
    [-1, 0, 1],
  ],
  target: [
    [0, 1],
    [2, 2, -2],
  ],
}

const half = (tensors: Tensor[]): Tensor =>
  mul(
    tensors.map(x => sum(square(x))).reduce((x, y) => add(x, y)),
    0.5,
  )

/** w and lambda are two tensors each, so that norms over all of them together show. */
export function quadratic(dtype: 'float64' | 'float32' = 'float64'): Quadratic {
  const all = (lists: number[][], requiresGrad: boolean) => lists.map(list => tensor(list, { dtype, requiresGrad }))
  const weights = all(POINTS.weight, true)
  const lambdas = all(POINTS.lambda, true)
  const targets = all(POINTS.target, false)
  return {
    weights,
    lambdas,
    expected: POINTS.weight.map((list, i) => list.map((w, k) => w - POINTS.target[i]![k]!)),
    lowerLoss: () => half(weights.map((w, i) => sub(w, lambdas[i]!))),
    upperLoss: () => half(weights.map((w, i) => sub(w, targets[i]!))),
    lowerParameters: weights,
    upperParameters: lambdas,
  }
}
