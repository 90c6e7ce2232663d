import { noGrad } from '../autograd/mode.ts'
import { Dropout, frozenLinear, init, type Linear, type Module, parameter } from '../nn/index.ts'
import {
  add,
  addmm,
  div,
  empty,
  eye,
  indexSelect,
  linalgVectorNorm,
  matmul,
  mul,
  ne,
  reshape,
  sub,
  t,
  to,
  zeros,
} from '../ops/index.ts'
import { scope, type Tensor, tensor } from '../tensor/index.ts'
import { attachedAdapters } from './attach.ts'
import { LinearAdapter } from './linear-adapter.ts'
import { loraLinear } from './lora.ts'
import { cast, wideType } from './norm.ts'
import type { AllocationSchedule } from './rank-allocator.ts'
import type { TargetModules } from './targets.ts'

/** Which of a layer's initial places are left, by the layer's path in checkpoints with `.lora_E` behind it. */
export type RankPattern = Readonly<Record<string, readonly boolean[]>>

/** AdaLoRA ("Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning", arXiv 2303.10512), as PEFT has it. */
export interface AdaloraSettings {
  method: 'adalora'
  /** Mean rank that is left in the end (PEFT's `target_r`). */
  rank: number
  /** Rank at the start; default 12. */
  initialRank?: number
  /** `scaling = loraAlpha / (initialRank + 1e-5)`; ranks that are taken away do not change it. */
  loraAlpha: number
  /** Probability of dropout on the input of the low-rank path; default 0. */
  loraDropout?: number
  targetModules: TargetModules
  /** How a training has allocated ranks; read and written with the adapter. */
  allocation?: AllocationSchedule & { orthRegWeight: number }
  /** What it has left; absent where no rank was taken away. */
  rankPattern?: RankPattern
}

/**
 *     y = x weight^T + b + s (dropout(x) (loraE * loraA)^T) loraB^T,    the change of the weight being P Lambda Q
 *
 * with P = loraB, Lambda = loraE, Q = loraA. loraA and loraB start normal with deviation 0.02, loraE at zero. Ranks are
 * taken away by zeros in loraE; `reduce` then leaves their rows and columns out.
 */
export class AdaloraLinear extends LinearAdapter<Linear> {
  /** `[rank, in]` */
  loraA: Tensor
  /** `[rank, 1]` */
  loraE: Tensor
  /** `[out, rank]` */
  loraB: Tensor
  readonly scaling: number
  readonly dropout: Dropout
  /** Which of the initial places are left; undefined where all are. */
  pattern: readonly boolean[] | undefined

  constructor(base: Linear, settings: AdaloraSettings, pattern?: readonly boolean[]) {
    super(base)
    const { initialRank = 12, loraAlpha, loraDropout = 0 } = settings
    const rank = pattern ? pattern.filter(Boolean).length : initialRank
    const placement = { dtype: wideType(base), device: base.weight.device }
    const normal = (shape: number[]) => scope(() => to(init.normal(empty(shape), { std: 0.02 }), placement))
    this.loraA = parameter(normal([rank, base.inFeatures]), { level: 'lower' })
    this.loraE = parameter(zeros([rank, 1], placement), { level: 'lower' })
    this.loraB = parameter(normal([base.outFeatures, rank]), { level: 'lower' })
    this.scaling = loraAlpha / (initialRank + 1e-5)
    this.dropout = new Dropout(loraDropout)
    this.dropout.training = base.training
    this.pattern = pattern
  }

  /** Ranks that the layer has now. */
  get rank(): number {
    return this.loraA.shape[0]!
  }

  forward(input: Tensor, rows?: Tensor): Tensor {
    if (this.rank === 0) return frozenLinear(input, this.weight, this.bias)
    const options = this.dropout.active ? { dropout: (x: Tensor) => this.dropout.forward(x, { rows }) } : {}
    return loraLinear(input, { ...this.#factors(), weight: this.weight, bias: this.bias }, options)
  }

  mergedWeight(): Tensor {
    const { loraA, loraB, scaling } = this.#factors()
    const wide = cast(this.weight, wideType(this))
    return cast(addmm(wide, loraB, loraA, { alpha: scaling }), this.weight.dtype)
  }

  adapterParameters(): Tensor[] {
    return [this.loraA, this.loraE, this.loraB]
  }

  fileTensors(): Record<string, Tensor> {
    return { lora_A: this.loraA, lora_B: this.loraB, lora_E: this.loraE }
  }

  /** Leaves out the places whose singular value is zero: what the layer computes stays. The tensors are replaced. */
  reduce(): void {
    const alive = scope(() => reshape(ne(this.loraE, 0), [-1]).tolist()) as boolean[] // sync
    if (alive.every(Boolean)) return
    const places = [...alive.keys()].filter(place => alive[place])
    const left = (old: Tensor, dim: number): Tensor => {
      const kept = noGrad(() =>
        scope(() => indexSelect(old, dim, tensor(places, { dtype: 'int64', device: old.device }))),
      )
      old.dispose()
      return parameter(kept, { level: 'lower' })
    }
    this.loraA = left(this.loraA, 0)
    this.loraE = left(this.loraE, 0)
    this.loraB = left(this.loraB, 1)
    let next = 0
    this.pattern = this.pattern ? this.pattern.map(was => was && alive[next++]!) : alive
  }

  override describe(): string {
    return `adalora, ${this.weight.shape[1]}, ${this.weight.shape[0]}, rank=${this.rank}, scaling=${this.scaling}`
  }

  #factors() {
    return { loraA: mul(this.loraA, this.loraE), loraB: this.loraB, scaling: this.scaling }
  }
}

/** The layers of a model that AdaLoRA adapts, by path. */
export function adaloraLayers(model: Module): Map<string, AdaloraLinear> {
  const all = [...attachedAdapters(model)]
  return new Map(all.filter((entry): entry is [string, AdaloraLinear] => entry[1] instanceof AdaloraLinear))
}

/** Mean over the factors of all layers of || loraA loraA^T - I ||_F and || loraB^T loraB - I ||_F, not squared (PEFT). */
export function factorOrthogonality(layers: readonly AdaloraLinear[]): Tensor {
  const norms = layers.flatMap(({ loraA, loraB }) =>
    [matmul(loraA, t(loraA)), matmul(t(loraB), loraB)].map(gram => {
      const { dtype, device } = gram
      return linalgVectorNorm(sub(gram, eye(gram.shape[0]!, { dtype, device })))
    }),
  )
  return div(
    norms.reduce((sum, norm) => add(sum, norm)),
    norms.length,
  )
}
