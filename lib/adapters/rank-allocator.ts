import { noGrad } from '../autograd/mode.ts'
import {
  abs,
  add,
  cat,
  le,
  maskedFill_,
  mean,
  mul,
  reshape,
  select,
  sort,
  sub,
  unsqueeze,
  zerosLike,
} from '../ops/index.ts'
import { keep, scope, type Tensor } from '../tensor/index.ts'
import type { AdaloraLinear } from './adalora.ts'

/** When ranks are taken away, in steps counted from 1. */
export interface AllocationSchedule {
  /** Steps of the whole training. */
  totalSteps: number
  /** Steps at the start in which no rank is taken. */
  tinit: number
  /** Steps at the end in which ranks stay as they were left. */
  tfinal: number
  /** Steps between two allocations. */
  deltaT: number
  /** Decay of the smoothed sensitivity. */
  beta1: number
  /** Decay of its uncertainty. */
  beta2: number
}

/**
 * How many ranks of all layers together are left after a step: cubic from `initial` to `target`, rounded down, between
 * `tinit` and `totalSteps - tfinal` (AdaLoRA, equation 12).
 */
export function budgetAt(step: number, schedule: AllocationSchedule, initial: number, target: number): number {
  const { totalSteps, tinit, tfinal } = schedule
  if (step <= tinit) return initial
  if (step > totalSteps - tfinal) return target
  const left = 1 - (step - tinit) / (totalSteps - tfinal - tinit)
  return Math.trunc((initial - target) * left ** 3 + target)
}

/** Importance of one parameter: both are smoothed over the steps. */
interface Importance {
  sensitivity: Tensor
  uncertainty: Tensor
}

/**
 * Takes ranks away from AdaLoRA's layers: after each step, the triplets of least importance of all layers lose their
 * singular value, so that the budget of the step is left (PEFT's `update_and_allocate`). Importance of an entry is
 * |value * gradient|, smoothed, times how much it varies; of a triplet the singular value's plus the means of both vectors'.
 * Between two allocations, singular values that were zero can grow again; after the last they cannot.
 */
export class RankAllocator {
  readonly #layers: readonly AdaloraLinear[]
  readonly #schedule: AllocationSchedule
  readonly #initial: number
  readonly #target: number
  readonly #importance = new Map<string, Importance>()
  /** What the last allocation has taken, `[rank, 1]` each layer; undefined before it. */
  #final: Tensor[] | undefined

  /** @param rank Mean rank of a layer that is left in the end. */
  constructor(layers: readonly AdaloraLinear[], rank: number, schedule: AllocationSchedule) {
    this.#layers = layers
    this.#schedule = schedule
    this.#initial = layers.reduce((sum, layer) => sum + layer.rank, 0)
    this.#target = rank * layers.length
  }

  /** Whether there are ranks to be taken at all. */
  get isNeeded(): boolean {
    return this.#initial > this.#target
  }

  /**
   * What follows an optimiser step.
   *
   * @param step counted from 1
   * @param gradientOf the gradient of the step, as it was clipped
   */
  update(step: number, gradientOf: (parameter: Tensor) => Tensor | null | undefined): void {
    if (!this.isNeeded) return
    const { totalSteps, tinit, tfinal, deltaT } = this.#schedule
    const last = totalSteps - tfinal
    noGrad(() => {
      if (step < last) this.#layers.forEach((layer, index) => this.#learn(layer, index, gradientOf))
      if (step > last) this.#final?.forEach((taken, index) => void maskedFill_(this.#layers[index]!.loraE, taken, 0))
      else if (step === last || (step > tinit && step % deltaT === 0)) this.#allocate(step, step === last)
    })
  }

  /** What a checkpoint has to hold, by name. */
  tensors(): Record<string, Tensor> {
    const smoothed = [...this.#importance].flatMap(([name, { sensitivity, uncertainty }]) => [
      [`sensitivity.${name}`, sensitivity] as const,
      [`uncertainty.${name}`, uncertainty] as const,
    ])
    const taken = (this.#final ?? []).map((mask, index) => [`taken.${index}`, mask] as const)
    return Object.fromEntries([...smoothed, ...taken])
  }

  /** Takes over copies of what `tensors` gave. */
  load(tensors: Readonly<Record<string, Tensor>>, copy: (tensor: Tensor) => Tensor): void {
    this.dispose()
    for (const [name, sensitivity] of Object.entries(tensors)) {
      if (!name.startsWith('sensitivity.')) continue
      const place = name.slice('sensitivity.'.length)
      const uncertainty = tensors[`uncertainty.${place}`]!
      this.#importance.set(place, { sensitivity: keep(copy(sensitivity)), uncertainty: keep(copy(uncertainty)) })
    }
    const taken = this.#layers.map((_, index) => tensors[`taken.${index}`])
    if (taken.every(mask => mask !== undefined)) this.#final = taken.map(mask => keep(copy(mask)))
  }

  dispose(): void {
    for (const { sensitivity, uncertainty } of this.#importance.values()) {
      sensitivity.dispose()
      uncertainty.dispose()
    }
    this.#importance.clear()
    for (const mask of this.#final ?? []) mask.dispose()
    this.#final = undefined
  }

  #learn(layer: AdaloraLinear, index: number, gradientOf: (parameter: Tensor) => Tensor | null | undefined): void {
    const { beta1, beta2 } = this.#schedule
    for (const name of ['loraA', 'loraE', 'loraB'] as const) {
      const key = `${index}.${name}`
      const parameter = layer[name]
      const old = this.#importance.get(key)
      const next = scope((): Importance => {
        const gradient = gradientOf(parameter)
        const now = gradient ? abs(mul(parameter, gradient)) : zerosLike(parameter)
        const before = old ?? { sensitivity: zerosLike(parameter), uncertainty: zerosLike(parameter) }
        const smoothed = (past: Tensor, value: Tensor, beta: number) => add(mul(past, beta), mul(value, 1 - beta))
        const sensitivity = smoothed(before.sensitivity, now, beta1)
        return { sensitivity, uncertainty: smoothed(before.uncertainty, abs(sub(now, sensitivity)), beta2) }
      })
      old?.sensitivity.dispose()
      old?.uncertainty.dispose()
      this.#importance.set(key, { sensitivity: keep(next.sensitivity), uncertainty: keep(next.uncertainty) })
    }
  }

  #allocate(step: number, isLast: boolean): void {
    const taken = this.#initial - budgetAt(step, this.#schedule, this.#initial, this.#target)
    if (taken < 1 || this.#importance.size === 0) return
    const masks = scope(() => {
      const scores = this.#layers.map((_, index) => this.#scores(index)) // [rank] each
      const threshold = select(sort(cat(scores, { dim: 0 }))[0], 0, taken - 1)
      return scores.map(score => unsqueeze(le(score, threshold), 1)) // [rank, 1]
    })
    masks.forEach((mask, index) => void maskedFill_(this.#layers[index]!.loraE, mask, 0))
    if (isLast) this.#final = masks.map(mask => keep(mask))
    else for (const mask of masks) mask.dispose()
  }

  /** Importance of each triplet of a layer, `[rank]`. */
  #scores(index: number): Tensor {
    const of = (name: string) => {
      const { sensitivity, uncertainty } = this.#importance.get(`${index}.${name}`)!
      return mul(sensitivity, uncertainty)
    }
    const vectors = add(mean(of('loraA'), { dim: [1] }), mean(of('loraB'), { dim: [0] }))
    return add(reshape(of('loraE'), [-1]), vectors)
  }
}
