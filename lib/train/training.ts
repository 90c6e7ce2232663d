import { noGrad } from '../autograd/index.ts'
import type { MethodChoice } from '../bilevel/index.ts'
import { levelOf } from '../nn/index.ts'
import * as ops from '../ops/index.ts'
import { warmupStepsOf } from '../optim/index.ts'
import { keep, type Tensor } from '../tensor/index.ts'
import { BatchStream, mixSeed } from './batch-stream.ts'
import type { Settings } from './config.ts'
import { Level, type NamedParameter } from './level.ts'
import { runPhase } from './loop.ts'
import type { PhasePlan } from './plan.ts'
import type { Row } from './rows.ts'
import type { Run } from './run.ts'
import { splitLevels } from './split.ts'
import type { LevelBatch, TunableModel } from './tunable-model.ts'

/** Numbers that keep the random orders of a run apart from each other. */
const SPLIT = 1
const FIRST_STREAM = 10

/** All that a method works with: the model, its trainable parameters by level, the examples, and a loop. */
export class Training {
  readonly settings: Settings
  readonly model: TunableModel
  readonly #rows: readonly Row[]
  readonly #run: Run
  /** Values that a method goes back to, by parameter name; a checkpoint keeps them. */
  #start: ReadonlyMap<string, Tensor> = new Map()
  #streams = 0

  constructor(model: TunableModel, settings: Settings, rows: readonly Row[], run: Run) {
    this.model = model
    this.settings = settings
    this.#rows = rows
    this.#run = run
  }

  get rowCount(): number {
    return this.#rows.length
  }

  get start(): ReadonlyMap<string, Tensor> {
    return this.#start
  }

  /** Trainable parameters of a level; whatever no adapter gave a level belongs to the lower one. */
  parametersOf(level: 'lower' | 'upper'): NamedParameter[] {
    return this.model.trainable.filter(([, parameter]) => (levelOf(parameter) ?? 'lower') === level)
  }

  /** Remembers the present values of parameters. */
  remember(parameters: readonly NamedParameter[]): void {
    this.#start = new Map(parameters.map(([name, parameter]) => [name, keep(noGrad(() => ops.clone(parameter)))]))
  }

  /** Gives parameters the values that were remembered. */
  restart(): void {
    const parameters = new Map(this.model.trainable)
    noGrad(() => {
      for (const [name, value] of this.#start) ops.copy_(parameters.get(name)!, value)
    })
  }

  /** The mean task loss of a batch at the parameters' present values. */
  loss(batch: LevelBatch): Tensor {
    return this.model.loss(batch)
  }

  /** The Gram regulariser over all adapted layers. */
  orthogonality(): Tensor {
    return this.model.orthogonality()
  }

  batchOf(places: readonly number[]): LevelBatch {
    return this.model.batchOf(places.map(place => this.#rows[place]!))
  }

  allPlaces(): number[] {
    return Array.from({ length: this.#rows.length }, (_, place) => place)
  }

  splitLevels(): { lower: number[]; upper: number[] } {
    return splitLevels(this.#rows.length, this.settings.lowerFraction, mixSeed(this.settings.seed, SPLIT))
  }

  /** Steps of so many passes over so many examples. */
  stepsOf(epochs: number, examples: number): number {
    return Math.max(1, Math.round(epochs * Math.ceil(examples / this.settings.batchSize)))
  }

  /** Batches over places, in an order of their own. */
  stream(places: readonly number[]): BatchStream {
    const { batchSize, lengthWindow, seed } = this.settings
    return new BatchStream({
      places,
      lengthOf: place => this.#rows[place]!.encoded.ids.length,
      batchSize,
      window: lengthWindow,
      seed: mixSeed(seed, FIRST_STREAM + this.#streams++),
    })
  }

  level(
    parameters: readonly NamedParameter[],
    options: { learningRate: number; steps: number; weightDecay?: number; clip?: number },
  ): Level {
    const { schedule, warmupRatio, adamBeta1, adamBeta2, adamEpsilon } = this.settings
    const { learningRate, steps, weightDecay = this.settings.weightDecay, clip = this.settings.clip } = options
    return new Level({
      parameters,
      schedule: { kind: schedule, learningRate, steps, warmupSteps: warmupStepsOf(warmupRatio, steps) },
      // Magnitudes decay only where the upper level says so: decay would pull them towards zero, not towards the start.
      decayOf: parameter => (options.weightDecay === undefined && levelOf(parameter) === 'upper' ? 0 : weightDecay),
      clip,
      betas: [adamBeta1, adamBeta2],
      eps: adamEpsilon,
    })
  }

  hypergradientChoice(): MethodChoice {
    const { hypergradient: method, radius } = this.settings
    return method === 'finite-difference' ? { method, radius } : { method }
  }

  /** Runs one phase from its start or from the checkpoint; does nothing where the checkpoint lies beyond it. */
  phase(plan: PhasePlan): Promise<void> {
    return runPhase(this, this.#run, plan)
  }

  dispose(): void {
    for (const value of this.#start.values()) value.dispose()
  }
}
