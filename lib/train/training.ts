import { noGrad } from '../autograd/index.ts'
import type { MethodChoice } from '../bilevel/index.ts'
import { levelOf } from '../nn/index.ts'
import * as ops from '../ops/index.ts'
import { warmupStepsOf } from '../optim/index.ts'
import { keep, type Tensor } from '../tensor/index.ts'
import { assertEnoughForTwoLevels, lowerCount, stratifiedSplit } from '../data/split.ts'
import { BatchStream } from './batch-stream.ts'
import type { Settings } from './config.ts'
import { Level, type NamedParameter } from './level.ts'
import { runPhase } from './loop.ts'
import type { Learner, PhasePlan } from './plan.ts'
import type { Row } from './rows.ts'
import type { Run } from './run.ts'
import type { LevelBatch, TunableModel } from './tunable-model.ts'

/** All that a method works with: the model, its trainable parameters by level, the examples, and a loop. */
export class Training implements Learner {
  readonly settings: Settings
  readonly model: TunableModel
  readonly #rows: readonly Row[]
  readonly #run: Run
  /** Values that a method goes back to, by parameter name; a checkpoint keeps them. */
  #start: ReadonlyMap<string, Tensor> = new Map()

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

  /** Remembers the present values of parameters. */
  remember(parameters: readonly NamedParameter[]): void {
    this.#start = new Map(parameters.map(([name, parameter]) => [name, keep(noGrad(() => ops.clone(parameter)))]))
  }

  /** Gives parameters the values that were remembered. */
  restart(): void {
    const parameters = new Map(this.trainable)
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

  /**
   * Places of the examples of each level, a seeded split that keeps the share of each class.
   *
   * @throws DataError where there are too few examples for both levels.
   */
  splitLevels(): { lower: number[]; upper: number[] } {
    const { lowerFraction, seed } = this.settings
    const isSingle = this.model.settings.problemType === 'single-label'
    const perLevel = isSingle ? this.model.labels!.labels.length : 1
    assertEnoughForTwoLevels(this.rowCount, { lowerFraction, perLevel, where: 'fit: examples' })
    const keys = this.#rows.map(row => (isSingle ? (row.target as number) : null))
    const split = stratifiedSplit(keys, { size: lowerCount(this.rowCount, lowerFraction), seed, stream: 'levels' })
    return { lower: split.first, upper: split.second }
  }

  /** Steps of so many passes over so many examples. */
  stepsOf(epochs: number, examples: number): number {
    return Math.max(1, Math.round(epochs * Math.ceil(examples / this.settings.batchSize)))
  }

  /** Batches over places, in an order of their own: streams of different names differ. */
  stream(name: string, places: readonly number[]): BatchStream {
    const { batchSize, lengthWindow, seed } = this.settings
    return new BatchStream({
      places,
      lengthOf: place => this.#rows[place]!.encoded.ids.length,
      batchSize,
      window: lengthWindow,
      seed,
      name,
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
      // Magnitudes decay only where their own setting says so: decay pulls them towards zero, not towards their start.
      decayOf: parameter => (options.weightDecay === undefined && this.model.isMagnitude(parameter) ? 0 : weightDecay),
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
