import { mixedProduct } from '../autograd/products.ts'
import { sub } from '../ops/index.ts'
import { scope } from '../tensor/index.ts'
import { type Batches, type BilevelProblem, evaluate, type Hypergradient, upperGradients } from './problem.ts'

/**
 *     v             = grad_V upperLoss(V, M)
 *     hypergradient = grad_M upperLoss(V, M) - [ d2 lowerLoss / dM dV ] v
 *
 * What `finite-difference` approaches as its radius goes to zero, by double backward. With the norm of an adapter
 * detached the two are different numbers: the surrogate gradient of the lower loss is then not the gradient of any
 * function, and its mixed derivative not symmetric (`method.md` 1.6).
 */
export function exact<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: Batches<LowerBatch, UpperBatch>,
): Hypergradient {
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const implicit = scope(() => {
    const loss = evaluate(problem, 'lowerLoss', lowerBatch)
    return mixedProduct(loss, problem.lowerParameters, problem.upperParameters, vector)
  })
  return { gradients: direct.map((g, i) => sub(g, implicit[i]!)), upperLoss }
}
