import { add, div, mul, pow, sqrt, sub } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { type AdamEntry, type AdamState, adamEntries } from './adam-state.ts'
import { centralDifference } from './central-difference.ts'
import { checkNumber } from './options.ts'
import { type Batches, type BilevelProblem, type Hypergradient, upperGradients } from './problem.ts'

export interface SamaOptions {
  /** Length of the step along the preconditioned vector, over all lower parameters together; 1. */
  radius?: number
  optimizerState: AdamState | readonly AdamEntry[]
}

/**
 *     v     = grad_V upperLoss(V, M)
 *     m_old = (m - (1 - b1) g) / b1 ;  s_old = (s - (1 - b2) g^2) / b2          m expAvg, s expAvgSq, g gradient
 *     scale = ( (1 - b1) b2 s_old - b1 (1 - b2) g m_old ) / (sqrt(s) + eps)^3
 *     x     = v * scale * learningRate                                          element by element
 *     epsilon       = radius / (||x||_2 + 1e-15)
 *     implicit      = ( grad_M lowerLoss(V + epsilon x, M) - grad_M lowerLoss(V - epsilon x, M) ) / (2 epsilon)
 *     hypergradient = grad_M upperLoss(V, M) - implicit
 *
 * SAMA (Choe et al. 2023): the inverse Hessian is taken for the derivative of one Adam step with respect to its
 * gradient, bias correction left out. Arithmetic of betty 0.2.1 (`hypergradient/utils.py`, `precondition_adam`; m_old
 * is 0 where b1 is). For plain gradient descent that derivative is the identity: `finite-difference` with radius 1.
 *
 * Differs: shared dropout masks and V put back from copies, as in `finite-difference`.
 *
 * @throws ArgumentError where an option is out of its range or the state is missing
 * @throws ShapeError where the state does not fit the lower parameters
 */
export function sama<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatch, upperBatch }: Batches<LowerBatch, UpperBatch>,
  { radius = 1, optimizerState }: SamaOptions,
): Hypergradient {
  checkNumber(
    'sama',
    'radius',
    radius,
    { above: 0 },
    'the length of the step along the preconditioned vector; 1 is the published one',
  )
  const entries = adamEntries(optimizerState, problem.lowerParameters)
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const implicit = scope(() =>
    centralDifference(
      problem,
      lowerBatch,
      vector.map((part, i) => precondition(part, entries[i]!)),
      radius,
    ),
  )
  return { gradients: direct.map((g, i) => sub(g, implicit[i]!)), upperLoss }
}

function precondition(vector: Tensor, { expAvg, expAvgSq, gradient, learningRate, betas, eps }: AdamEntry): Tensor {
  const [beta1, beta2] = betas
  return scope(() => {
    const squareOld = div(sub(expAvgSq, mul(gradient, gradient), { alpha: 1 - beta2 }), beta2)
    const averageOld = beta1 === 0 ? 0 : div(sub(expAvg, gradient, { alpha: 1 - beta1 }), beta1)
    const scale = div(
      sub(mul(squareOld, (1 - beta1) * beta2), mul(mul(gradient, averageOld), beta1 * (1 - beta2))),
      pow(add(sqrt(expAvgSq), eps), 3),
    )
    return mul(mul(vector, scale), learningRate)
  })
}
