import type { Tensor } from '../tensor/index.ts'
import type { BatchStream } from './batch-stream.ts'
import type { Level, NamedParameter } from './level.ts'
import type { Accumulable, RoundBatches } from '../bilevel/index.ts'
import type { StepLosses } from './loss-window.ts'
import type { Points } from './points.ts'
import type { LevelBatch } from './tunable-model.ts'
import type { Phase } from './types.ts'

/** Examples of one optimiser step as tensors, in parts where its gradient is accumulated. */
export type StepBatch = Accumulable<LevelBatch>

/** What a method remembers from step to step beside parameters and optimisers: checkpoints hold it. */
export interface PhaseMemory {
  tensors(): Readonly<Record<string, Tensor>>
  /** Takes over copies of what `tensors` gave. */
  load(tensors: Readonly<Record<string, Tensor>>, copy: (tensor: Tensor) => Tensor): void
}

/** One phase of a training, as plain data for the loop. */
export interface PhasePlan {
  readonly phase: Phase
  /** Which of several phases of that name it is, from 0. */
  readonly part: number
  /** Steps of the lower level. */
  readonly steps: number
  /** Lower steps that are made together; the last round may have fewer, and then no upper batch. */
  readonly stepsPerRound: number
  /** Rounds that end by this step have no upper batch. */
  readonly upperDelaySteps?: number
  /** Part of the last lower batch that a round with an upper batch gets as its `curvatureBatch`; none where left out. */
  readonly curvatureFraction?: number
  /** Steps that follow in later phases, for the time left, in plain steps: one of a search counts `searchCost`. */
  readonly laterSteps: number
  readonly levels: { readonly lower: Level; readonly upper?: Level }
  readonly streams: { readonly lower: BatchStream; readonly upper?: BatchStream }
  readonly memory?: PhaseMemory
  /** The steps themselves, on batches that were made for them. */
  round(batches: RoundBatches<LevelBatch, LevelBatch>): StepLosses
  /**
   * What the method itself has to do between two rounds, before anything else is due: steps are counted from `before`
   * to `step`. Where a stop cuts it or what comes after it short, it is asked again for the same steps.
   */
  settled?(before: number, step: number, isLast: boolean): Promise<void>
  /** Whether the rounds differentiate a loss twice. */
  readonly differentiatesTwice?: boolean
}

/** What learns in a phase, as the loop and the checkpoints see it. */
export interface Learner {
  /** Everything that trains, at whatever level. */
  readonly trainable: readonly NamedParameter[]
  /** What outlives a phase beside the parameters. */
  readonly points: Points
  /** Examples as tensors, in parts of at most `partSize` examples. */
  batchOf(places: readonly number[], partSize: number): StepBatch
  /** Switches dropout on or off. */
  setTraining(mode: boolean): void
}
