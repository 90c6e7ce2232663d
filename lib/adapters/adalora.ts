import { noGrad } from '../autograd/mode.ts'
import { FormatError } from '../errors.ts'
import { isJsonObject, toDiskName } from '../io/index.ts'
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
import { attachedAdapters, standIn } from './attach.ts'
import type { ConfigReader } from './config-reader.ts'
import type { AdapterKind } from './kinds.ts'
import { LinearAdapter } from './linear-adapter.ts'
import { loraLinear } from './lora.ts'
import { cast, wideType } from './norm.ts'
import type { AllocationSchedule } from './rank-allocator.ts'
import { findLinear, type TargetModules } from './targets.ts'

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
export class AdaloraLinear extends LinearAdapter {
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

export const adalora: AdapterKind<AdaloraSettings> = {
  peftType: 'ADALORA',

  attach(model: Module, settings: AdaloraSettings, head: readonly string[]): void {
    const targets = findLinear(model, settings.targetModules, head)
    const names = new Set(targets.map(([path]) => nameOf(path)))
    const strange = Object.keys(settings.rankPattern ?? {}).filter(name => !names.has(name))
    if (strange.length > 0) {
      throw new FormatError(
        'ADAPTER_TARGET',
        `rank_pattern: expected layers that are adapted, got ${strange.slice(0, 5).join(', ')}; take the base model and the targets that it was made with`,
        { names: strange },
      )
    }
    standIn(model, targets, (layer, path) => new AdaloraLinear(layer, settings, settings.rankPattern?.[nameOf(path)]))
  },

  present(model: Module, { rankPattern: _, ...settings }: AdaloraSettings): AdaloraSettings {
    const layers = [...adaloraLayers(model)]
    if (layers.every(([, layer]) => layer.pattern === undefined)) return settings
    const all = Array.from({ length: settings.initialRank ?? 12 }, () => true)
    return {
      ...settings,
      rankPattern: Object.fromEntries(layers.map(([path, layer]) => [nameOf(path), layer.pattern ?? all])),
    }
  },

  fields({ rank, initialRank = 12, loraAlpha, loraDropout = 0, allocation, rankPattern }) {
    const { totalSteps, tinit, tfinal, deltaT, beta1, beta2, orthRegWeight } = allocation ?? untrained
    const pattern =
      rankPattern && Object.fromEntries(Object.entries(rankPattern).map(([name, list]) => [name, [...list]]))
    return {
      beta1,
      beta2,
      bias: 'none',
      deltaT,
      fan_in_fan_out: false,
      init_lora_weights: true,
      init_r: initialRank,
      lora_alpha: loraAlpha,
      lora_dropout: loraDropout,
      orth_reg_weight: orthRegWeight,
      rank_pattern: pattern ?? null,
      target_r: rank,
      tfinal,
      tinit,
      total_step: totalSteps,
      use_dora: false,
      use_rslora: false,
    }
  },

  read(reader) {
    reader.refuseOthers(understood, {
      bias: ['none'],
      fan_in_fan_out: [false],
      // These only fill the adapter, which the file then holds.
      init_lora_weights: [true, false],
    })
    const initialRank = reader.whole('init_r', 1)
    const rankPattern = patternOf(reader, initialRank)
    const decay = (key: string) => reader.number(key, 'a number between 0 and 1', value => value > 0 && value < 1)
    return {
      method: 'adalora',
      rank: reader.whole('target_r', 1),
      initialRank,
      loraAlpha: reader.number('lora_alpha', 'a number above 0', value => value > 0),
      loraDropout: reader.probability('lora_dropout'),
      targetModules: reader.targets(),
      allocation: {
        totalSteps: reader.whole('total_step', 1),
        tinit: reader.whole('tinit', 0),
        tfinal: reader.whole('tfinal', 0),
        deltaT: reader.whole('deltaT', 1),
        beta1: decay('beta1'),
        beta2: decay('beta2'),
        orthRegWeight: reader.number('orth_reg_weight', 'a number of at least 0', value => value >= 0),
      },
      ...(rankPattern ? { rankPattern } : {}),
    }
  },
}

/** What PEFT takes where nothing is said; it refuses a schedule without steps. */
const untrained = { totalSteps: 1, tinit: 0, tfinal: 0, deltaT: 1, beta1: 0.85, beta2: 0.85, orthRegWeight: 0.5 }

const understood = [
  ...[
    'r',
    'init_r',
    'target_r',
    'lora_alpha',
    'lora_dropout',
    'rank_pattern',
    'total_step',
    'tinit',
    'tfinal',
    'deltaT',
  ],
  ...['beta1', 'beta2', 'orth_reg_weight', 'megatron_core', 'qalora_group_size'],
]

function nameOf(path: string): string {
  return `${toDiskName(path)}.lora_E`
}

function patternOf(reader: ConfigReader, initialRank: number): RankPattern | undefined {
  const { rank_pattern: pattern } = reader.config
  if (pattern === null || pattern === undefined) return undefined
  const isRight = (list: unknown): list is boolean[] =>
    Array.isArray(list) && list.length === initialRank && list.every(place => typeof place === 'boolean')
  if (isJsonObject(pattern) && Object.values(pattern).every(isRight)) {
    const entries = Object.entries(pattern).map(([name, list]) => [name.replace(/\.default$/, ''), list])
    return Object.fromEntries(entries) as RankPattern
  }
  throw reader.fault(
    `expected rank_pattern to be null or ${initialRank} times true or false for each layer, got ${JSON.stringify(pattern).slice(0, 80)}`,
    { key: 'rank_pattern' },
  )
}
