import { AdamW, clipByGlobalNorm_, learningRateAt, type OptimizerState, type Schedule } from '../optim/index.ts'
import type { Tensor } from '../tensor/index.ts'

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
}

/** One level of a training: parameters that move together, with optimiser, schedule and clipping. */
export class Level {
  /** In the order of the optimiser's groups; gradients are given in this order. */
  readonly parameters: readonly Tensor[]
  readonly names: readonly string[]
  readonly #optimizer: AdamW
  readonly #schedule: Schedule
  readonly #clip: number
  #steps = 0

  constructor({ parameters, schedule, decayOf, clip, betas, eps }: LevelOptions) {
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
    this.#optimizer = new AdamW(
      [...byDecay].map(([weightDecay, group]) => ({
        parameters: group.map(([, parameter]) => parameter),
        learningRate: schedule.learningRate,
        weightDecay,
      })),
      { betas, eps },
    )
  }

  /** Optimiser steps taken so far. */
  get steps(): number {
    return this.#steps
  }

  /** The rate of the next step. */
  get learningRate(): number {
    return learningRateAt(this.#schedule, this.#steps)
  }

  /** The rate of the last step (of the first, before it). */
  get lastLearningRate(): number {
    return learningRateAt(this.#schedule, Math.max(0, this.#steps - 1))
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
  }
}
