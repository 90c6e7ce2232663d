import { type Batches, type BilevelProblem, type Hypergradient, lossGradients } from './problem.ts'

/**
 *     hypergradient = grad_M upperLoss(V, M)
 *
 * The direct gradient alone: as if the lower solution did not move with M.
 */
export function firstOrder<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { upperBatch }: Batches<LowerBatch, UpperBatch>,
): Hypergradient {
  const { loss, gradients } = lossGradients(problem, 'upperLoss', upperBatch, problem.upperParameters)
  return { gradients, upperLoss: loss }
}
