import type { Example, ExampleOf, TextInput, TokenExample } from '../data/examples.ts'
import type { Prediction } from '../predict/index.ts'
import type { GivenFitSettings, GivenModelSettings } from './config.ts'
import type { Method } from './field.ts'

export type { Example, Prediction, TokenExample }

/** What is learned from: `{ text, pair?, label }`, or for token classification `{ tokens, labels }`. */
export type AnyExample = ExampleOf['text-classification' | 'token-classification']

/** A text to predict for, alone or with the second text of a pair; for token classification also a list of words. */
export type PredictInput = string | TextInput | { tokens: readonly string[] } | readonly string[]

/** Settings of a new model. */
export type ModelOptions = GivenModelSettings
export type CreateOptions = ModelOptions

/** How a saved model is read back. */
export interface LoadOptions {
  /** Folder of the pretrained model, where it is not where `adapter_config.json` says. */
  base?: string | undefined
  device?: string | undefined
  dtype?: 'float32' | 'float64' | undefined
  threads?: number | undefined
}

/** Settings of one training and the data it is measured on. */
export type FitOptions = GivenFitSettings & {
  /** Short for `retrainEpochs`. */
  epochs?: number | undefined
  /** Short for `retrainLearningRate`. */
  learningRate?: number | undefined
  /** Examples that are only evaluated: never trained on at either level. */
  validation?: readonly AnyExample[] | undefined
  /** Examples that are evaluated once, at the end. */
  test?: readonly AnyExample[] | undefined
  /** Name of the data set, for `results.json` and the model card. */
  dataset?: string | undefined
}

/** Scores by name: `accuracy`, `f1`, `loss`, ... */
export type Metrics = Record<string, number>

export type Phase = 'search' | 'retrain' | 'train'

/** One line of `metrics.jsonl`, and one entry of a report's history. */
export interface HistoryEntry {
  phase: Phase
  /** Which of several searches or retrainings it is (2, 3, ...); left out for the first. */
  part?: number | undefined
  /** Steps done in this phase. */
  step: number
  /** Mean over the steps since the entry before. */
  lowerLoss?: number | undefined
  upperLoss?: number | undefined
  hypergradientNorm?: number | undefined
  /** Upper steps since the entry before whose series for the hypergradient broke down; left out where none did. */
  breakdowns?: number | undefined
  /** Learning rate of directions and head, or of the one level. */
  lowerLearningRate?: number | undefined
  upperLearningRate?: number | undefined
  examplesPerSecond?: number | undefined
  /** Scores on the validation examples, where they were evaluated at this step. */
  evaluation?: Metrics | undefined
}

/** What is reported while a model trains. */
export interface Progress {
  phase: Phase
  /** Which of several searches or retrainings it is (2, 3, ...); left out for the first. */
  part?: number | undefined
  /** Steps done in this phase, and how many it has. */
  step: number
  steps: number
  lowerLoss?: number | undefined
  upperLoss?: number | undefined
  hypergradientNorm?: number | undefined
  /** Learning rate of directions and head, or of the one level. */
  learningRate: number
  upperLearningRate?: number | undefined
  examplesPerSecond: number
  /** Seconds that are left of the whole training, both phases. */
  secondsLeft: number
  peakBytes: number
  evaluation?: Metrics | undefined
  /** Training texts that were cut at `maxLength`. */
  truncated: number
  /** Where a checkpoint was just written. */
  checkpoint?: string | undefined
}

/** What `fit` has done. */
export interface FitReport {
  task: string
  dataset: string | null
  method: Method
  seed: number
  parameters: { trainable: number; total: number }
  metrics: { validation?: Metrics; test?: Metrics }
  /** Where the weights come from that the model ended with, with `loadBest`: a step of the last phase. */
  best?: { step: number; metric: string }
  /** Optimiser steps of each phase (lower level), of all its parts together; a method of one level has only `retrain`. */
  steps: { search: number; retrain: number }
  /** Seconds. */
  time: { search: number; retrain: number; total: number }
  memory: { peakBytes: number }
  /** Texts cut at `maxLength`. */
  truncated: { train: number; validation: number; test: number }
  history: HistoryEntry[]
}

/** What a merge has been checked by. */
export interface MergeReport {
  /** Largest difference of the logits of the replayed batch, relative to the largest logit. */
  maxRelativeError: number
  /** Linear layers whose adapter was merged. */
  layers: number
  /** Texts in the replayed batch. */
  texts: number
}

/** What a model is, as plain data. */
export interface ModelInfo {
  task: string
  problemType: 'single-label' | 'regression' | 'multi-label'
  method: Method
  /** Undefined until the labels are known (regression has none). */
  labels?: readonly string[] | undefined
  modelType: string
  device: string
  dtype: string
  /** Zero until the model is built, where labels are first found in training rows. */
  parameters: { trainable: number; total: number }
}

export interface FitHooks {
  onProgress?: ((progress: Progress) => void) | undefined
  /** Asked between steps: true ends the training with a checkpoint (where there is an `output`) and an AbortError. */
  shouldStop?: (() => boolean) | undefined
}
