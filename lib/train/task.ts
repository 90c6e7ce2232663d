import type { LabelSet } from '../data/labels.ts'
import type { HeadTask } from '../models/index.ts'
import type { PackedLayers } from '../predict/index.ts'
import type { ModelSettings } from './config.ts'
import type { EncodeContext, Row } from './rows.ts'
import type { LevelBatch, TunableModel } from './tunable-model.ts'
import type { AnyExample, Metrics, Prediction, PredictInput } from './types.ts'

type ProblemType = ModelSettings['problemType']

/** How rows become tensors. */
export type Feed = Pick<TunableModel, 'tokenizer' | 'device' | 'settings'>

export interface ScoreOptions {
  readonly batchSize: number
  readonly shouldStop?: (() => boolean) | undefined
}

/** How a task is scored. */
export interface TaskScores {
  /** Loss and scores of a model on rows, without gradients and dropout; the loss in float64, without weights or smoothing. */
  evaluate(model: TunableModel, rows: readonly Row[], options: ScoreOptions): Promise<Metrics>
  /** Names of these scores. */
  names(model: TunableModel): string[]
}

export interface PredictOptions extends ScoreOptions {
  readonly context: EncodeContext
  /** Layers packed for more than this call. */
  readonly layers?: PackedLayers | undefined
}

/**
 * What a model can be tuned to do: all that differs between tasks, one row of the table in `tasks.ts` each. Everything
 * else (methods, levels, the loop, checkpoints, saving) knows of rows, batches and a loss alone.
 */
export interface Task {
  readonly head: HeadTask
  /** PEFT's name for it. */
  readonly peftType: string
  /** For a model card. */
  readonly title: string
  readonly autoModel: string
  /** Checks a user's examples; an error names the first bad one. */
  collect(rows: readonly unknown[], options: { problemType: ProblemType; where: string }): Promise<AnyExample[]>
  /** The labels of a training: those named, or those of the examples. */
  prepareLabels(
    examples: readonly AnyExample[],
    options: { problemType: ProblemType; labels?: readonly string[] | undefined; where: string },
  ): LabelSet
  /** Examples as numbers; `labels` is undefined for a regression. */
  encode(
    examples: readonly AnyExample[],
    labels: LabelSet | undefined,
    where: string,
    context: EncodeContext,
  ): Promise<Row[]>
  /** Rows on a device, with what the loss compares the logits with. */
  batch(rows: readonly Row[], feed: Feed): LevelBatch
  /** Imported when they are wanted: a start to predict has no use for them. */
  scores(): Promise<TaskScores>
  /** Predictions for a user's inputs, in their order. */
  predict(model: TunableModel, inputs: readonly PredictInput[], options: PredictOptions): Promise<Prediction[]>
}
