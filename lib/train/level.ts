import { noGrad } from '../autograd/index.ts'
import * as ops from '../ops/index.ts'
import { AdamW, clipByGlobalNorm_, learningRateAt, type OptimizerState, type Schedule } from '../optim/index.ts'
import { keep, type Tensor } from '../tensor/index.ts'

/** A parameter with its dotted path in the model, under which checkpoints keep it. */
export type NamedParameter = readonly [name: string, parameter: Tensor]

export interface LevelOptions {
  readonly parameters: readonly NamedParameter[]
  readonly schedule: Schedule
  /** Weight decay of one parameter. */
  readonly decayOf: (parameter: Tensor) => number
  /** Largest norm of the gradient; 0 switches clipping off. */
  readonly clip: number
  readonly betas: readonly [number, number]
  readonly eps: number
  /** As in `AdamWOptions`. */
  readonly form?: 'torch' | 'transformers'
  /** Whether the gradients of the last step are kept for whoever asks for `lastStep`. */
  readonly keepsGradients?: boolean
}

/** The last step of a level as its optimiser saw it: one tensor for each parameter, and the numbers of AdamW. */
export interface LastStep {
  readonly expAvg: Tensor[]
  readonly expAvgSq: Tensor[]
  /** As clipped. */
  readonly gradient: Tensor[]
  readonly learningRate: number
  readonly betas: readonly [number, number]
  readonly eps: number
}

/** One level of a training: parameters that move together, with optimiser, schedule and clipping. */
export class Level {
  /** In the order of the optimiser's groups; gradients are given in this order. */
  readonly parameters: readonly Tensor[]
  readonly names: readonly string[]
  readonly #optimizer: AdamW
  readonly #schedule: Schedule
  readonly #clip: number
  readonly #keepsGradients: boolean
  #gradients: readonly (Tensor | null)[] = []
  #steps = 0
  /** The step whose rate holds while the level is to be rolled back. */
  #heldAt: number | undefined

  constructor({
    parameters,
    schedule,
    decayOf,
    clip,
    betas,
    eps,
    form = 'torch',
    keepsGradients = false,
  }: LevelOptions) {
    const byDecay = new Map<number, NamedParameter[]>()
    for (const named of parameters) {
      const decay = decayOf(named[1])
      byDecay.set(decay, [...(byDecay.get(decay) ?? []), named])
    }
    const ordered = [...byDecay.values()].flat()
    this.names = ordered.map(([name]) => name)
    this.parameters = ordered.map(([, parameter]) => parameter)
    this.#schedule = schedule
    this.#clip = clip
    this.#keepsGradients = keepsGradients
    this.#optimizer = new AdamW(
      [...byDecay].map(([weightDecay, group]) => ({
        parameters: group.map(([, parameter]) => parameter),
        learningRate: schedule.learningRate,
        weightDecay,
      })),
      { betas, eps, form },
    )
  }

  /** Optimiser steps taken so far. */
  get steps(): number {
    return this.#steps
  }

  /** The rate of the next step. */
  get learningRate(): number {
    return learningRateAt(this.#schedule, this.#heldAt ?? this.#steps)
  }

  /** The rate of the last step (of the first, before it). */
  get lastLearningRate(): number {
    return learningRateAt(this.#schedule, this.#heldAt ?? Math.max(0, this.#steps - 1))
  }

  /** One step along the gradients, which are scaled in place where they are to be clipped. */
  readonly update = (gradients: readonly (Tensor | null)[]): void => {
    if (this.#clip > 0)
      clipByGlobalNorm_(
        gradients.filter(gradient => gradient !== null),
        this.#clip,
      )
    for (const group of this.#optimizer.groups) group.learningRate = this.learningRate
    this.#optimizer.step(gradients)
    this.#steps++
    if (this.#keepsGradients) this.#keepGradients(gradients)
  }

  /** What the optimiser holds after the last step; a parameter that has had no gradient yet gets zeros. */
  lastStep(): LastStep {
    const orZeros = (tensors: readonly (Tensor | null)[]) =>
      this.parameters.map((parameter, place) => tensors[place] ?? ops.zerosLike(parameter))
    const { expAvg, expAvgSq, betas, eps } = this.#optimizer
    return {
      expAvg: orZeros(expAvg),
      expAvgSq: orZeros(expAvgSq),
      gradient: orZeros(this.#gradients),
      learningRate: this.lastLearningRate,
      betas,
      eps,
    }
  }

  /**
   * Marks parameters, optimiser and schedule as they are now, and gives the way back to them. Until it is taken, steps
   * are made at the rate that is due now (leopard-ai/betty 0.2.1, `roll_back`: the schedule rests in an inner loop).
   * The marked copies live in the scope of the call.
   */
  readonly mark = (): (() => void) => {
    const steps = this.#steps
    const copies = (tensors: readonly Tensor[]) => noGrad(() => tensors.map(tensor => ops.clone(tensor)))
    const parameters = copies(this.parameters)
    const { tensors, numbers } = this.#optimizer.state()
    const names = Object.keys(tensors)
    const values = copies(Object.values(tensors))
    this.#heldAt = steps
    return () => {
      noGrad(() => void ops.foreachCopy_([...this.parameters], parameters))
      this.#optimizer.load({ tensors: Object.fromEntries(names.map((name, i) => [name, values[i]!])), numbers })
      this.#steps = steps
      this.#heldAt = undefined
    }
  }

  state(): OptimizerState {
    const { tensors, numbers } = this.#optimizer.state()
    return { tensors, numbers: { ...numbers, steps: this.#steps } }
  }

  load({ tensors, numbers: { steps = 0, ...numbers } }: OptimizerState): void {
    this.#optimizer.load({ tensors, numbers })
    this.#steps = steps
  }

  dispose(): void {
    this.#optimizer.dispose()
    for (const gradient of this.#gradients) gradient?.dispose()
    this.#gradients = []
  }

  #keepGradients(gradients: readonly (Tensor | null)[]): void {
    for (const gradient of this.#gradients) gradient?.dispose()
    this.#gradients = gradients.map(gradient => gradient && keep(gradient))
  }
}
