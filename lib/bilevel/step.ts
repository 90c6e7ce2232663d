import { ArgumentError } from '../errors.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Accumulable } from './accumulation.ts'
import type { Diagnostics } from './diagnostics.ts'
import { type MethodChoice, upperStepGradients } from './hypergradient.ts'
import { type BilevelProblem, lossGradients } from './problem.ts'

/** Moves the parameters of one level by their gradients: an optimizer's step, with its clipping and its schedule. */
export type Update = (gradients: readonly Tensor[]) => void

export interface RoundBatches<LowerBatch, UpperBatch> {
  /** One batch for each lower step of the round: `unrollSteps` of them. Any batch may be in parts (`accumulated`). */
  lowerBatches: readonly Accumulable<LowerBatch>[]
  /** Left out, the round has no upper step (a warm-up round). */
  upperBatch?: Accumulable<UpperBatch>
  /** The batch of the implicit term, such as a sample of the last lower batch, which it is where this is left out. */
  curvatureBatch?: Accumulable<LowerBatch>
}

export interface RoundOptions {
  updateLower: Update
  updateUpper: Update
  /** The hypergradient method and its options; a function is asked after the lower steps (`sama` needs their optimizer's state). */
  hypergradient: MethodChoice | (() => MethodChoice)
  /** With roll-back: marks the lower level's point and optimizer as they are now, and gives the way back to them. */
  markLower?: () => () => void
}

/** What a round reports. Scalars that are still tensors: reading them is the caller's choice. */
export interface Round {
  /** The lower loss of the last lower step, before it. */
  lowerLoss: Tensor
  upperLoss?: Tensor
  hypergradientNorm?: Tensor
  /** How the series of a method that has one went. */
  diagnostics?: Diagnostics
}

/**
 * One round of the search (BiDoRA README, two levels; order of the official code, `method.md` 1.3 and 1.5):
 *
 *     once per lower batch:  V <- updateLower( grad_V lowerLoss(V, M; lowerBatch) )
 *     then once:             M <- updateUpper( hypergradient(V, M; curvatureBatch, upperBatch) )
 *     with roll-back:        V as the round began, then one lower step on the last lower batch with the new M
 *
 * @throws ArgumentError where there is no lower batch, and as `hypergradient` does
 */
export function step<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatches, upperBatch, curvatureBatch }: RoundBatches<LowerBatch, UpperBatch>,
  { updateLower, updateUpper, hypergradient, markLower }: RoundOptions,
): Round {
  const lowerBatch = lowerBatches.at(-1)
  if (lowerBatch === undefined)
    throw new ArgumentError(
      'BILEVEL_BATCH',
      'step: expected at least one lower batch, got none; give one for each lower step of the round',
    )
  return scope(() => {
    const rollBack = upperBatch === undefined ? undefined : markLower?.()
    const losses = lowerBatches.map(batch => lowerStep(problem, batch, updateLower))
    const lowerLoss = losses.at(-1)!
    if (upperBatch === undefined) return { lowerLoss }

    // V is the point after the lower step, and the batch the one of that step: both as the official code has it.
    const choice = typeof hypergradient === 'function' ? hypergradient() : hypergradient
    const batches = { lowerBatch: curvatureBatch ?? lowerBatch, upperBatch }
    const { gradients, ...upper } = upperStepGradients(problem, batches, choice)
    updateUpper(gradients)
    if (rollBack) {
      rollBack()
      lowerStep(problem, lowerBatch, updateLower)
    }
    return { lowerLoss, ...upper }
  })
}

function lowerStep<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  lowerBatch: Accumulable<LowerBatch>,
  updateLower: Update,
): Tensor {
  return scope(() => {
    const { loss, gradients } = lossGradients(problem, 'lowerLoss', lowerBatch, problem.lowerParameters)
    updateLower(gradients)
    return loss
  })
}
