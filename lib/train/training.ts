import { accumulated } from '../bilevel/index.ts'
import { levelOf, useAttentionKernel } from '../nn/index.ts'
import { type Schedule, warmupStepsOf } from '../optim/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { BatchStream } from './batch-stream.ts'
import type { Settings } from './config.ts'
import { Level, type NamedParameter } from './level.ts'
import { runPhase } from './loop.ts'
import { evaluateRows } from './evaluate.ts'
import type { Learner, PhasePlan, StepBatch } from './plan.ts'
import { Points } from './points.ts'
import type { Row } from './rows.ts'
import type { Run } from './run.ts'
import type { LevelBatch, TunableModel } from './tunable-model.ts'

/** How a level moves, where it differs from what the settings say for every level. */
export interface LevelPlan {
  readonly learningRate: number
  /** Optimiser steps that its schedule spans. */
  readonly steps: number
  readonly kind?: Schedule['kind']
  readonly warmupRatio?: number
  readonly weightDecay?: number | undefined
  /** That of magnitudes: none unless told, as it pulls them towards zero and not towards their start. */
  readonly magnitudeDecay?: number
  readonly clip?: number
  readonly keepsGradients?: boolean
}

/** All that a method works with: the model, its trainable parameters by level, the examples, and a loop. */
export class Training implements Learner {
  readonly settings: Settings
  readonly model: TunableModel
  readonly #rows: readonly Row[]
  readonly #run: Run
  readonly points = new Points()

  constructor(model: TunableModel, settings: Settings, rows: readonly Row[], run: Run) {
    this.model = model
    this.settings = settings
    this.#rows = rows
    this.#run = run
  }

  get rowCount(): number {
    return this.#rows.length
  }

  get trainable(): readonly NamedParameter[] {
    return this.model.trainable
  }

  setTraining(mode: boolean): void {
    this.model.train(mode)
  }

  /** Trainable parameters of a level; whatever no adapter gave a level belongs to the lower one. */
  parametersOf(level: 'lower' | 'upper'): NamedParameter[] {
    return this.trainable.filter(([, parameter]) => (levelOf(parameter) ?? 'lower') === level)
  }

  /** The training loss of a batch at the parameters' present values. */
  loss(batch: LevelBatch): Tensor {
    return this.model.loss(batch, this.settings.precision)
  }

  /** The same for the upper level, in its precision. */
  upperLoss(batch: LevelBatch): Tensor {
    return this.model.loss(batch, this.settings.upperPrecision)
  }

  /** The Gram regulariser over all adapted layers. */
  orthogonality(): Tensor {
    return this.model.orthogonality()
  }

  batchOf(places: readonly number[], partSize: number): StepBatch {
    const rows = places.map(place => this.#rows[place]!)
    if (rows.length <= partSize) return this.model.batchOf(rows)
    const parts = Array.from({ length: Math.ceil(rows.length / partSize) }, (_, part) =>
      rows.slice(part * partSize, (part + 1) * partSize),
    )
    return accumulated(
      parts.map(part => ({
        batch: this.model.batchOf(part),
        weight: this.model.lossWeight(part) / this.model.lossWeight(rows),
      })),
    )
  }

  allPlaces(): number[] {
    return Array.from({ length: this.#rows.length }, (_, place) => place)
  }

  /** The class of each example, or null where they have none. */
  keys(): (number | null)[] {
    const isSingle = this.model.settings.problemType === 'single-label'
    return this.#rows.map(({ target }) => (isSingle && typeof target === 'number' ? target : null))
  }

  /** The mean loss of examples without dropout, at the parameters' present values. */
  async evaluate(places: readonly number[]): Promise<number> {
    const { loss } = await evaluateRows(
      this.model,
      places.map(place => this.#rows[place]!),
      { batchSize: this.settings.evalBatchSize, shouldStop: () => this.#run.shouldStop() },
    )
    return loss!
  }

  /** Optimiser steps of the training on all examples. */
  get retrainSteps(): number {
    return this.settings.retrainSteps ?? this.stepsOf(this.settings.retrainEpochs, this.rowCount)
  }

  /** Optimiser steps of so many passes over so many examples. */
  stepsOf(epochs: number, examples: number): number {
    const { batchSize, accumulation } = this.settings
    return Math.max(1, Math.round(epochs * Math.ceil(examples / (batchSize * accumulation))))
  }

  /** Batches over places, in an order of their own: streams of different names differ. */
  stream(name: string, places: readonly number[], { isUpper = false } = {}): BatchStream {
    const { settings } = this
    const partSize = isUpper ? settings.upperBatchSize : settings.batchSize
    return new BatchStream({
      places,
      lengthOf: place => this.#rows[place]!.encoded.ids.length,
      batchSize: partSize * (isUpper ? settings.upperAccumulation : settings.accumulation),
      partSize,
      window: settings.lengthWindow,
      seed: settings.seed,
      name,
      inOrder: settings.compat === 'official',
    })
  }

  level(parameters: readonly NamedParameter[], plan: LevelPlan): Level {
    const { settings } = this
    const { kind = settings.schedule, warmupRatio = settings.warmupRatio, clip = settings.clip } = plan
    const { learningRate, steps, weightDecay = settings.weightDecay, magnitudeDecay = 0 } = plan
    const { keepsGradients = false } = plan
    return new Level({
      parameters,
      schedule: { kind, learningRate, steps, warmupSteps: warmupStepsOf(warmupRatio, steps) },
      decayOf: parameter => (this.model.isMagnitude(parameter) ? magnitudeDecay : weightDecay),
      clip,
      betas: [settings.adamBeta1, settings.adamBeta2],
      eps: settings.adamEpsilon,
      form: settings.compat === 'official' ? 'transformers' : 'torch',
      keepsGradients,
    })
  }

  /** Runs one phase from its start or from the checkpoint; does nothing where the checkpoint lies beyond it. */
  async phase(plan: PhasePlan): Promise<void> {
    // The fused kernel of attention has no second derivative.
    if (plan.differentiatesTwice) useAttentionKernel(this.model.classifier, 'explicit')
    try {
      await runPhase(this, this.#run, plan)
    } finally {
      if (plan.differentiatesTwice) useAttentionKernel(this.model.classifier, 'fused')
    }
  }

  dispose(): void {
    this.points.dispose()
  }
}
