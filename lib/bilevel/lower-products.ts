import { grad } from '../autograd/grad.ts'
import { vectorJacobian } from '../autograd/products.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { type Accumulable, Accumulated } from './accumulation.ts'
import { type BilevelProblem, evaluate, lowerMixedProduct } from './problem.ts'
import { repeatable } from './random.ts'

/** Products with second derivatives of the lower loss at one point, as many as wanted, all under the same masks. */
export interface LowerProducts {
  /** `[ d2 lowerLoss / dV dV ] x` */
  hessian(x: readonly Tensor[]): Tensor[]
  /** `[ d2 lowerLoss / dM dV ] x` */
  mixed(x: readonly Tensor[]): Tensor[]
}

/**
 * The products at the present point. A plain batch is evaluated once: its gradient keeps its graph, and every product
 * is one traversal of that. A batch in parts is evaluated anew for every product, so that one part's graph lives at a
 * time.
 */
export function lowerProducts<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  lowerBatch: Accumulable<LowerBatch>,
): LowerProducts {
  const { lowerParameters, upperParameters } = problem
  const product =
    lowerBatch instanceof Accumulated
      ? repeatable(lowerParameters, (others: readonly Tensor[], x: readonly Tensor[]) =>
          lowerMixedProduct(problem, lowerBatch, others, x),
        )
      : throughOneGraph(evaluate(problem, 'lowerLoss', lowerBatch), lowerParameters)
  return { hessian: x => product(lowerParameters, x), mixed: x => product(upperParameters, x) }
}

function throughOneGraph(loss: Tensor, lowerParameters: readonly Tensor[]) {
  const gradients = grad(loss, lowerParameters, { createGraph: true, allowUnused: true })
  const used = gradients.map((_, i) => i).filter(i => gradients[i] !== null)
  return (others: readonly Tensor[], x: readonly Tensor[]): Tensor[] =>
    scope(() =>
      vectorJacobian(
        used.map(i => gradients[i]!),
        others,
        used.map(i => x[i]!),
        { retainGraph: true },
      ),
    )
}
