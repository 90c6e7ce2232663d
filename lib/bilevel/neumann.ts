import { add_, mul, stack, sub_ } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Breakdown } from './diagnostics.ts'
import { type HessianProduct, type Solution, throughInverse } from './inverse-product.ts'
import { checkNumber, checkOnBreakdown, type OnBreakdown } from './options.ts'
import type { Batches, BilevelProblem, Hypergradient } from './problem.ts'
import { norm, rounding, widened } from './vector.ts'

export interface NeumannOptions {
  /** Terms after the first, each for one product with the Hessian; 10. */
  terms?: number
  /** Between 0 and 2 / (largest eigenvalue of H): the lower learning rate is a usual choice. No default fits all. */
  stepSize: number
  /** What to do where the series diverges; 'keep'. */
  onBreakdown?: OnBreakdown
}

/**
 *     v              = grad_V upperLoss(V, M)             p = r = v
 *     `terms` times:   r <- r - stepSize H r ;  p <- p + r
 *     inverseProduct = stepSize p                         = stepSize sum over k = 0..terms of (I - stepSize H)^k v
 *     hypergradient  = grad_M upperLoss(V, M) - [ d2 lowerLoss / dM dV ] inverseProduct
 *
 * (Lorraine et al. 2020; leopard-ai/betty 0.2.1, `hypergradient/neumann.py`.) `terms` = 0 with `stepSize` 1 is `exact`.
 * At a stationary lower point it is the derivative through terms + 1 steps of gradient descent with `stepSize`.
 *
 * The series converges where every eigenvalue of H lies between 0 and 2 / stepSize. ||r|| falls monotonously then, and
 * grows for ever from the first term that it grows at where H has a negative or a larger eigenvalue in v: that is the
 * breakdown. With 'keep' all terms are used all the same.
 *
 * @throws ArgumentError where an option is out of its range
 */
export function neumann<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  batches: Batches<LowerBatch, UpperBatch>,
  { terms = 10, stepSize, onBreakdown = 'keep' }: NeumannOptions,
): Hypergradient {
  checkNumber('neumann', 'terms', terms, { least: 0, integer: true }, 'terms of the series after the first')
  checkNumber(
    'neumann',
    'stepSize',
    stepSize,
    { above: 0 },
    'it must lie below 2 / (largest eigenvalue of the lower Hessian); the lower learning rate is a usual choice',
  )
  checkOnBreakdown('neumann', onBreakdown)
  const growth = 1 + Math.sqrt(rounding(problem.lowerParameters)) // what rounding alone may add to a residual that stands still
  return throughInverse('neumann', problem, batches, onBreakdown, (vector, hessian) => {
    const { sum, residuals } = series(vector, hessian, terms, stepSize)
    const at = residuals.findIndex((residual, k) => k > 0 && residual > residuals[k - 1]! * growth)
    return {
      inverseProduct: sum.map(part => mul(part, stepSize)),
      residuals,
      ...(at > 0 && { breakdown: divergence(at, residuals, stepSize) }),
    } satisfies Solution
  })
}

function series(vector: Tensor[], hessian: HessianProduct, terms: number, stepSize: number) {
  const [sum, residual] = [vector, widened(vector)]
  const norms = [norm(residual)]
  for (let term = 1; term <= terms; term++) {
    scope(() => hessian(residual).forEach((part, i) => void sub_(residual[i]!, part, { alpha: stepSize })))
    sum.forEach((part, i) => void add_(part, residual[i]!))
    norms.push(norm(residual))
  }
  return { sum, residuals: [...(stack(norms).data() as Float64Array)] } // sync: once for all terms
}

function divergence(at: number, residuals: readonly number[], stepSize: number): Breakdown {
  const ratio = (residuals[at]! / residuals[at - 1]!).toPrecision(4)
  return {
    kind: 'residual-grows',
    at,
    message: `expected residuals that fall, got one that grew by a factor of ${ratio} at term ${at}: the lower Hessian has an eigenvalue that is negative or above 2 / stepSize (${2 / stepSize}); take fewer terms or a smaller stepSize, or add curvature to the lower loss`,
  }
}
