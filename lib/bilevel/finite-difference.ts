import { noGrad } from '../autograd/mode.ts'
import { ArgumentError } from '../errors.ts'
import { add, clone, div, foreachAdd, foreachCopy_, foreachSub, mul, reciprocal, sub } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import {
  type Batches,
  type BilevelProblem,
  evaluate,
  gradientsOf,
  type Hypergradient,
  upperGradients,
} from './problem.ts'
import { repeatable } from './random.ts'
import { norm } from './vector.ts'

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
 * Differs: both evaluations draw the same dropout masks (Betty draws fresh ones, whose noise is divided by 2 epsilon),
 * and V is put back from copies, not by adding back what was taken off.
 *
 * @throws ArgumentError where `radius` is not a number above zero.
 */
export function finiteDifference<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: Batches<LowerBatch, UpperBatch>,
  { radius = 0.01 }: FiniteDifferenceOptions,
): Hypergradient {
  if (!(radius > 0 && Number.isFinite(radius))) {
    throw new ArgumentError(
      'BILEVEL_RADIUS',
      `finite-difference: expected a radius above 0, got ${radius}; 0.01 is the published one`,
      { radius },
    )
  }
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const epsilon = mul(reciprocal(add(norm(vector), 1e-15)), radius) // a float64 scalar that stays on its device: no sync
  const [plus, minus] = atBothPoints(
    problem,
    lowerBatch,
    vector.map(v => mul(v, epsilon)),
  )
  const gradients = direct.map((g, i) => sub(g, div(sub(plus[i]!, minus[i]!), mul(epsilon, 2))))
  return { gradients, upperLoss }
}

/** grad_M lowerLoss at V + offsets and at V - offsets; V is the same to the bit afterwards, also when a loss throws. */
function atBothPoints<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  lowerBatch: LowerBatch,
  offsets: Tensor[],
): [Tensor[], Tensor[]] {
  const { lowerParameters, upperParameters } = problem
  const saved = noGrad(() => lowerParameters.map(parameter => clone(parameter)))
  const moveTo = (point: Tensor[]) => noGrad(() => void foreachCopy_([...lowerParameters], point))
  const evaluation = repeatable(lowerParameters, () =>
    scope(() => gradientsOf(evaluate(problem, 'lowerLoss', lowerBatch), upperParameters)),
  )
  try {
    moveTo(foreachAdd(saved, offsets))
    const plus = evaluation()
    moveTo(foreachSub(saved, offsets))
    return [plus, evaluation()]
  } finally {
    moveTo(saved)
  }
}
