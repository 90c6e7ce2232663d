import { type BilevelProblem, evaluate, gradientsOf, type Batches, type Hypergradient } from './problem.ts'

/**
 *     hypergradient = grad_M upperLoss(V, M)
 *
 * The direct gradient alone: as if the lower solution did not move with M.
 */
export function firstOrder<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { upperBatch }: Batches<LowerBatch, UpperBatch>,
): Hypergradient {
  const loss = evaluate(problem, 'upperLoss', upperBatch)
  return { gradients: gradientsOf(loss, problem.upperParameters), upperLoss: loss.detach() }
}
