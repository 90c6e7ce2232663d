import type { BatchStream } from './batch-stream.ts'
import type { Level, NamedParameter } from './level.ts'
import type { Tensor } from '../tensor/index.ts'
import type { StepLosses } from './loss-window.ts'
import type { LevelBatch } from './tunable-model.ts'
import type { Phase } from './types.ts'

/** One phase of a training, as plain data for the loop. */
export interface PhasePlan {
  readonly phase: Phase
  /** Steps of the lower level. */
  readonly steps: number
  /** Lower steps that are made together; the last round may have fewer, and then no upper batch. */
  readonly stepsPerRound: number
  /** Plain steps that follow in later phases, for the time left. */
  readonly laterSteps: number
  readonly levels: { readonly lower: Level; readonly upper?: Level }
  readonly streams: { readonly lower: BatchStream; readonly upper?: BatchStream }
  /** The steps themselves, on batches that were made for them. */
  round(lowerBatches: readonly LevelBatch[], upperBatch: LevelBatch | undefined): StepLosses
}

/** What learns in a phase, as the loop and the checkpoints see it. */
export interface Learner {
  /** Everything that trains, at whatever level. */
  readonly trainable: readonly NamedParameter[]
  /** Values that a later phase goes back to, by parameter name. */
  readonly start: ReadonlyMap<string, Tensor>
  /** Examples as tensors. */
  batchOf(places: readonly number[]): LevelBatch
  /** Switches dropout on or off. */
  setTraining(mode: boolean): void
}
