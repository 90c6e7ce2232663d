import { autocast } from '../autograd/autocast.ts'
import { ArgumentError } from '../errors.ts'
import { div, foreachAdd, mul, sub } from '../ops/index.ts'
import { scope } from '../tensor/index.ts'
import type { Accumulable } from './accumulation.ts'
import { atPoints } from './at-points.ts'
import { epsilonAlong } from './central-difference.ts'
import { checkRadius } from './finite-difference.ts'
import { withNorm } from './hypergradient.ts'
import { type BilevelProblem, coupledName, lossGradients, upperGradients } from './problem.ts'
import { rememberRandomState } from './random.ts'
import { type Round, type RoundBatches, type RoundOptions, step } from './step.ts'

/** Radius of a one-sided difference: smaller than that of a central one, whose error falls with its square. */
const STANDARD = 0.001

/**
 * A round of three passes instead of four: the lower step's own gradient is one end of the difference. At the point
 * (V, M) that the round begins with:
 *
 *     g_V, g_M      = grad lowerLoss(V, M) by V and by M                  one traversal
 *     v, direct     = grad upperLoss(V, M) by V and by M                  one traversal
 *     epsilon       = radius / (||v||_2 + 1e-15)                          radius 0.001 where none is given
 *     implicit      = ( grad_M lowerLoss(V + epsilon v, M) - g_M ) / epsilon
 *     V <- updateLower( g_V ) ;  M <- updateUpper( direct - implicit )
 *
 * Both lower evaluations draw the same dropout masks, in the parameters' own type (`centralDifference` says why), so
 * that `autocast` in the lower loss does nothing here.
 *
 * Its bias, beside that of `finite-difference`: one-sided, the difference is off by epsilon / 2 times a third
 * derivative, of first order in the radius (a central one: of second); and M's gradient is made before the lower step,
 * not after it. Both levels then move at once.
 *
 * @throws ArgumentError for what it does not do: a method other than `finite-difference`, several lower batches, a
 * roll-back, a batch of its own for the implicit term
 */
export function sharedStep<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  batches: RoundBatches<LowerBatch, UpperBatch>,
  options: RoundOptions,
): Round {
  const { lowerBatches, upperBatch } = batches
  if (upperBatch === undefined) return step(problem, { lowerBatches }, options)
  const radius = checkShared(batches, options)
  return scope(() => {
    const { lowerLoss, lowerGradients, ...upper } = sharedGradients(problem, lowerBatches[0]!, upperBatch, radius)
    const { gradients, ...reported } = withNorm(problem, 'finite-difference', upper)
    options.updateLower(lowerGradients)
    options.updateUpper(gradients)
    return { lowerLoss, ...reported }
  })
}

function sharedGradients<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  lowerBatch: Accumulable<LowerBatch>,
  upperBatch: Accumulable<UpperBatch>,
  radius: number,
) {
  const { lowerParameters, upperParameters } = problem
  const goBack = rememberRandomState(lowerParameters)
  const { loss: lowerLoss, gradients } = autocast(undefined, () =>
    lossGradients(problem, 'lowerLoss', lowerBatch, [...lowerParameters, ...upperParameters]),
  )
  const lowerGradients = gradients.splice(0, lowerParameters.length)
  const { upperLoss, vector, direct } = upperGradients(problem, upperBatch)
  const goForward = rememberRandomState(lowerParameters)
  const epsilon = epsilonAlong(vector, radius)
  const moved = atPoints(lowerParameters, (start, moveTo) => {
    const offsets = vector.map(part => mul(part, epsilon))
    moveTo(foreachAdd(start, offsets))
    goBack()
    return autocast(
      undefined,
      () => lossGradients(problem, coupledName(problem), lowerBatch, upperParameters).gradients,
    )
  })
  goForward()
  const hypergradient = direct.map((g, i) => sub(g, div(sub(moved[i]!, gradients[i]!), epsilon)))
  return { lowerLoss, lowerGradients, upperLoss, gradients: hypergradient }
}

/** Refuses what has no meaning here; gives the radius. */
function checkShared(
  { lowerBatches, curvatureBatch }: RoundBatches<unknown, unknown>,
  { hypergradient, markLower }: RoundOptions,
): number {
  const refuse = (expected: string, got: string, advice: string): never => {
    throw new ArgumentError('BILEVEL_SHARED', `sharedStep: expected ${expected}, got ${got}; ${advice}`)
  }
  const advice = 'take step'
  const choice = typeof hypergradient === 'function' ? hypergradient() : hypergradient
  if (lowerBatches.length !== 1) refuse('one lower batch', `${lowerBatches.length}`, advice)
  if (curvatureBatch !== undefined) refuse('no curvatureBatch', 'one', 'its difference begins with the lower step')
  if (markLower) refuse('no markLower', 'one', 'there is nothing to roll back: both levels move at once')
  if (choice.method !== 'finite-difference')
    return refuse("the method 'finite-difference'", `'${choice.method}'`, advice)
  const { radius = STANDARD } = choice
  checkRadius(radius)
  return radius
}
