import {
  type BilevelProblem,
  type Round,
  type RoundBatches,
  type RoundOptions,
  sharedStep,
  step,
} from '../bilevel/index.ts'
import type { Settings } from './config.ts'
import type { LevelBatch } from './tunable-model.ts'

/** One round of the search. */
export type TakeRound = (
  problem: BilevelProblem<LevelBatch>,
  batches: RoundBatches<LevelBatch, LevelBatch>,
  options: RoundOptions,
) => Round

/** What the setting `round` means: who makes a round, and which part of the lower batch its implicit term gets. */
export function roundOf({ round, curvatureFraction }: Settings): {
  readonly takeRound: TakeRound
  readonly curvature: { readonly curvatureFraction?: number }
} {
  return {
    takeRound: round === 'shared' ? sharedStep : step,
    curvature: round === 'sampled' ? { curvatureFraction } : {},
  }
}

/**
 * A search step costs about as much as so many plain ones: in forwards and backwards of a whole batch, of the methods
 * `first-order` and `finite-difference`.
 */
export function searchCost({ hypergradient, round, curvatureFraction }: Settings): number {
  if (hypergradient === 'first-order') return 2
  if (round === 'shared') return 3
  return round === 'sampled' ? 2 + 2 * curvatureFraction : 4
}
