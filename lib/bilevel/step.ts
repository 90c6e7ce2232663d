import { ArgumentError } from '../errors.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { type MethodChoice, upperStepGradients } from './hypergradient.ts'
import { type BilevelProblem, evaluate, gradientsOf } from './problem.ts'

/** Moves the parameters of one level by their gradients: an optimizer's step, with its clipping and its schedule. */
export type Update = (gradients: readonly Tensor[]) => void

export interface RoundBatches<LowerBatch, UpperBatch> {
  /** One batch for each lower step of the round: `unrollSteps` of them. */
  lowerBatches: readonly LowerBatch[]
  /** Left out, the round has no upper step (a warm-up round). */
  upperBatch?: UpperBatch
}

export interface RoundOptions {
  updateLower: Update
  updateUpper: Update
  /** The hypergradient method and its options. */
  hypergradient: MethodChoice
}

/** What a round reports. Scalars that are still tensors: reading them is the caller's choice. */
export interface Round {
  /** The lower loss of the last lower step, before it. */
  lowerLoss: Tensor
  upperLoss?: Tensor
  hypergradientNorm?: Tensor
}

/**
 * One round of the search (BiDoRA README, two levels; order of the official code, `method.md` 1.3 and 1.5):
 *
 *     once per lower batch:  V <- updateLower( grad_V lowerLoss(V, M; lowerBatch) )
 *     then once:             M <- updateUpper( hypergradient(V, M; lowerBatch, upperBatch) )
 *
 * @throws ArgumentError where there is no lower batch, and as `hypergradient` does
 */
export function step<LowerBatch, UpperBatch>(
  problem: BilevelProblem<LowerBatch, UpperBatch>,
  { lowerBatches, upperBatch }: RoundBatches<LowerBatch, UpperBatch>,
  { updateLower, updateUpper, hypergradient }: RoundOptions,
): Round {
  const lowerBatch = lowerBatches.at(-1)
  if (lowerBatch === undefined)
    throw new ArgumentError(
      'BILEVEL_BATCH',
      'step: expected at least one lower batch, got none; give one for each lower step of the round',
    )
  return scope(() => {
    const losses = lowerBatches.map(batch => lowerStep(problem, batch, updateLower))
    const lowerLoss = losses.at(-1)!
    if (upperBatch === undefined) return { lowerLoss }

    // V is the point after the lower step, and the lower batch the one of that step: both as the official code has it.
    const { gradients, ...report } = upperStepGradients(problem, { lowerBatch, upperBatch }, hypergradient)
    updateUpper(gradients)
    return { lowerLoss, upperLoss: report.upperLoss, hypergradientNorm: report.hypergradientNorm }
  })
}

function lowerStep<LowerBatch>(
  problem: BilevelProblem<LowerBatch, never>,
  lowerBatch: LowerBatch,
  updateLower: Update,
): Tensor {
  return scope(() => {
    const loss = evaluate(problem, 'lowerLoss', lowerBatch)
    updateLower(gradientsOf(loss, problem.lowerParameters))
    return loss.detach()
  })
}
