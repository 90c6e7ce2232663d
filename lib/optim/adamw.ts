import { noGrad } from '../autograd/index.ts'
import { ArgumentError } from '../errors.ts'
import * as ops from '../ops/index.ts'
import { keep, scope, type Tensor } from '../tensor/index.ts'
import {
  checkGroups,
  checkOption,
  type GroupUpdate,
  type Optimizer,
  type OptimizerState,
  type ParameterGroup,
  pairGroups,
} from './optimizer.ts'

export interface AdamWOptions {
  /** Decays of the first and the second moment. */
  betas?: readonly [number, number]
  eps?: number
  /** Weight decay of groups that name none. */
  weightDecay?: number
  /** The arithmetic of torch, or that of transformers' first AdamW; torch's unless said otherwise. */
  form?: 'torch' | 'transformers'
}

/**
 * AdamW (Loshchilov and Hutter). With g the gradient, t the step counted from 1:
 *
 *     p <- p (1 - lr wd)
 *     m <- m + (1 - b1) (g - m)
 *     v <- b2 v + (1 - b2) g g
 *     p <- p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *
 * In the form 'transformers' (what its AdamW was before torch's, and what the authors of BiDoRA run) eps is added before
 * the second moment is corrected, and the decay comes last, of the moved parameter:
 *
 *     p <- p - lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)
 *     p <- p - lr wd p
 *
 * The operations and their order are those of torch.optim.AdamW(foreach=True) (torch/optim/adam.py,
 * `_multi_tensor_adam`); on the CPU the bits are equal too, to foreach=False as well.
 */
export class AdamW implements Optimizer {
  readonly groups: readonly ParameterGroup[]
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weightDecay: number
  readonly form: 'torch' | 'transformers'
  /** One for each parameter, in the order of the groups; null before the first gradient. */
  readonly #expAvg: (Tensor | null)[]
  readonly #expAvgSq: (Tensor | null)[]
  readonly #steps: number[]

  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01, form = 'torch' } = options
    checkGroups('AdamW', groups)
    checkOption('AdamW', 'betas[0]', betas[0], 0, 1)
    checkOption('AdamW', 'betas[1]', betas[1], 0, 1)
    checkOption('AdamW', 'eps', eps, 0, Number.POSITIVE_INFINITY)
    checkOption('AdamW', 'weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
    this.groups = groups
    this.betas = betas
    this.eps = eps
    this.weightDecay = weightDecay
    this.form = form
    const count = groups.reduce((sum, group) => sum + group.parameters.length, 0)
    this.#expAvg = new Array<Tensor | null>(count).fill(null)
    this.#expAvgSq = new Array<Tensor | null>(count).fill(null)
    this.#steps = new Array<number>(count).fill(0)
  }

  /** First moments, one for each parameter; null where there was no gradient yet. */
  get expAvg(): readonly (Tensor | null)[] {
    return this.#expAvg
  }

  /** Second moments, one for each parameter; null where there was no gradient yet. */
  get expAvgSq(): readonly (Tensor | null)[] {
    return this.#expAvgSq
  }

  /** Steps taken, one number for each parameter. */
  get steps(): readonly number[] {
    return this.#steps
  }

  step(gradients: readonly (Tensor | null)[]): void {
    noGrad(() => {
      scope(() => {
        for (const update of pairGroups(this.groups, gradients, this.weightDecay)) {
          this.#remember(update)
          for (const [step, same] of bySteps(update, this.#steps)) this.#stepGroup(same, step)
        }
      })
    })
  }

  /** Makes the moments where this is their first gradient, and counts the step. */
  #remember({ parameters, places }: GroupUpdate): void {
    for (const [index, place] of places.entries()) {
      this.#expAvg[place] ??= keep(ops.zerosLike(parameters[index]!))
      this.#expAvgSq[place] ??= keep(ops.zerosLike(parameters[index]!))
      this.#steps[place]!++
    }
  }

  #stepGroup({ parameters, gradients, places, learningRate, weightDecay }: GroupUpdate, step: number): void {
    const [beta1, beta2] = this.betas
    const expAvg = places.map(place => this.#expAvg[place]!)
    const expAvgSq = places.map(place => this.#expAvgSq[place]!)
    const isTorch = this.form === 'torch'
    const decay = () => {
      if (weightDecay !== 0) ops.foreachMulScalar_(parameters, 1 - learningRate * weightDecay)
    }
    if (isTorch) decay()
    ops.foreachLerp_(expAvg, gradients, 1 - beta1)
    ops.foreachMulScalar_(expAvgSq, beta2)
    ops.foreachAddcmul_(expAvgSq, gradients, gradients, { value: 1 - beta2 })
    const denominator = ops.foreachSqrt(expAvgSq)
    const correction = Math.sqrt(1 - beta2 ** step)
    if (isTorch) ops.foreachDivScalar_(denominator, correction)
    ops.foreachAddScalar_(denominator, this.eps)
    const rate = learningRate / (1 - beta1 ** step)
    ops.foreachAddcdiv_(parameters, expAvg, denominator, { value: -(isTorch ? rate : rate * correction) })
    if (!isTorch) decay()
  }

  state(): OptimizerState {
    const tensors: Record<string, Tensor> = {}
    const numbers: Record<string, number> = {}
    for (const [place, step] of this.#steps.entries()) {
      if (step === 0) continue
      tensors[`${place}.expAvg`] = this.#expAvg[place]!
      tensors[`${place}.expAvgSq`] = this.#expAvgSq[place]!
      numbers[`${place}.step`] = step
    }
    return { tensors, numbers }
  }

  load({ tensors, numbers }: OptimizerState): void {
    this.dispose()
    const parameters = this.groups.flatMap(group => group.parameters)
    const places = Object.keys(numbers).map(name => Number(name.split('.')[0]))
    for (const place of places) {
      const expAvg = tensors[`${place}.expAvg`]
      const expAvgSq = tensors[`${place}.expAvgSq`]
      const parameter = parameters[place]
      if (!parameter || !expAvg || !expAvgSq || String(expAvg.shape) !== String(parameter.shape)) {
        throw new ArgumentError(
          'OPTIMIZER_STATE',
          `AdamW.load: expected the state of these parameters, got one that does not fit at place ${place}`,
        )
      }
      noGrad(() => {
        this.#expAvg[place] = keep(ops.copy_(ops.zerosLike(parameter), expAvg))
        this.#expAvgSq[place] = keep(ops.copy_(ops.zerosLike(parameter), expAvgSq))
      })
      this.#steps[place] = numbers[`${place}.step`]!
    }
  }

  dispose(): void {
    for (const tensor of [...this.#expAvg, ...this.#expAvgSq]) tensor?.dispose()
    this.#expAvg.fill(null)
    this.#expAvgSq.fill(null)
    this.#steps.fill(0)
  }
}

/** Parts of an update whose parameters have had equally many steps: one, unless gradients were null at times. */
function bySteps(update: GroupUpdate, steps: readonly number[]): Map<number, GroupUpdate> {
  const parts = new Map<number, GroupUpdate>()
  for (const [index, place] of update.places.entries()) {
    const step = steps[place]!
    const part = parts.get(step) ?? { ...update, parameters: [], gradients: [], places: [] }
    part.parameters.push(update.parameters[index]!)
    part.gradients.push(update.gradients[index]!)
    part.places.push(place)
    parts.set(step, part)
  }
  return parts
}
