import { sub } from '../ops/index.ts'
import { centralDifference } from './central-difference.ts'
import { checkNumber } from './options.ts'
import { type Batches, type BilevelProblem, type Hypergradient, upperGradients } from './problem.ts'

export interface FiniteDifferenceOptions {
  /** Length of the step along v, over all lower parameters together; 0.01 as published. */
  radius?: number
}

/**
 *     v             = grad_V upperLoss(V, M)
 *     epsilon       = radius / (||v||_2 + 1e-15)          v over all lower parameters together
 *     implicit      = ( grad_M lowerLoss(V + epsilon v, M) - grad_M lowerLoss(V - epsilon v, M) ) / (2 epsilon)
 *     hypergradient = grad_M upperLoss(V, M) - implicit
 *
 * The inverse Hessian of the lower loss is taken for the identity (`method.md` 1.3; leopard-ai/betty cb6221f,
 * `hypergradient/darts.py`), so that `implicit` is the mixed second derivative times v.
 *
 * Differs: both evaluations draw the same dropout masks (Betty draws fresh ones, whose noise is divided by 2 epsilon; `freshMasks`),
 * and V is put back from copies, not by adding back what was taken off.
 *
 * @throws ArgumentError where `radius` is not a number above zero.
 */
export function finiteDifference<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: Batches<LowerBatch, UpperBatch>,
  { radius = 0.01 }: FiniteDifferenceOptions,
): Hypergradient {
  checkRadius(radius)
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const implicit = centralDifference(problem, lowerBatch, vector, radius)
  return { gradients: direct.map((g, i) => sub(g, implicit[i]!)), upperLoss }
}

/** @throws ArgumentError where it is not a number above zero */
export function checkRadius(radius: number): void {
  const meaning = 'the length of the step along v; 0.01 is the published one'
  checkNumber('finite-difference', 'radius', radius, { above: 0 }, meaning)
}
