import { ArgumentError } from '../errors.ts'
import { detach, empty, to } from '../ops/index.ts'
import { Dropout, init, type Level, parameter } from '../nn/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { bidoraLinear, type BidoraLayer, combinedWeight, mergedWeight } from './bidora.ts'
import { LinearAdapter } from './linear-adapter.ts'
import { cast, directionNorm, type MagnitudeAxis, wideType } from './norm.ts'
import { loraLinear } from './lora.ts'
import type { PlainLayer } from './plain-layer.ts'

/** Methods that adapt linear layers; their names say how. */
export type AdapterMethod = 'lora' | 'rslora' | 'dora' | 'bidora'

/** How a linear layer is adapted. */
export interface AdapterSettings {
  method: AdapterMethod
  rank: number
  /** `scaling = loraAlpha / rank`, for 'rslora' `loraAlpha / sqrt(rank)` (arXiv 2312.03732). */
  loraAlpha: number
  /** Probability of dropout on the input of the low-rank path; default 0. */
  loraDropout?: number
  /** Default 'out', which DoRA and PEFT mean. */
  magnitudeAxis?: MagnitudeAxis
  /** Default true for 'dora' (as PEFT), false for 'bidora'. */
  detachNorm?: boolean | undefined
}

/** What the low-rank product is multiplied by: `loraAlpha / rank`, of rsLoRA `loraAlpha / sqrt(rank)`. */
export function scalingOf({ method, rank, loraAlpha }: Pick<AdapterSettings, 'method' | 'rank' | 'loraAlpha'>): number {
  return loraAlpha / (method === 'rslora' ? Math.sqrt(rank) : rank)
}

/** Which level trains the magnitude: in BiDoRA the upper one, in DoRA all is one level. */
const magnitudeLevel: Record<'dora' | 'bidora', Level> = { dora: 'lower', bidora: 'upper' }

/**
 * A linear layer with an adapter, in the place of the `Linear` or `Conv1D` it was made from: to that layer's weight and
 * bias it adds `loraA`, `loraB` and, but for LoRA and rsLoRA, `magnitude`. loraA starts Kaiming-uniform(a = sqrt 5), loraB
 * at zero and the magnitude at the weight's norms, so that the output is at first that of the layer it replaces. Every
 * parameter says its level.
 */
export class AdaptedLinear extends LinearAdapter {
  readonly method: AdapterMethod
  /** `[rank, in]` */
  loraA: Tensor
  /** `[out, rank]` */
  loraB: Tensor
  /** `[out]` or `[in]` by `magnitudeAxis`; null for LoRA and rsLoRA. */
  magnitude: Tensor | null
  readonly scaling: number
  readonly magnitudeAxis: MagnitudeAxis
  readonly detachNorm: boolean
  readonly dropout: Dropout

  /** @throws ArgumentError for settings that cannot be meant. */
  constructor(layer: PlainLayer, settings: AdapterSettings) {
    checkSettings(settings) // before the layer gives up its weight
    super(layer)
    const { method, rank, loraDropout = 0, magnitudeAxis = 'out', detachNorm = method === 'dora' } = settings
    this.method = method

    const [out, width] = this.weight.shape as [number, number]
    // Adapters of 16-bit weights are float32: their steps are smaller than what 16 bits can add.
    const placement = { dtype: wideType(this), device: this.weight.device }
    // Drawn as float32 on the CPU, so that a seed gives the same start on every device and dtype.
    const [loraA, loraB] = scope(() => {
      const [a, b] = [empty([rank, width]), empty([out, rank])]
      this.start(a, b)
      return [to(a, placement), to(b, placement)] as const
    })
    this.loraA = parameter(loraA, { level: 'lower' })
    this.loraB = parameter(loraB, { level: 'lower' })
    this.scaling = scalingOf(settings)
    this.magnitudeAxis = magnitudeAxis
    this.detachNorm = detachNorm
    this.dropout = new Dropout(loraDropout)
    this.magnitude =
      method === 'lora' || method === 'rslora'
        ? null
        : parameter(
            scope(() => detach(directionNorm(this))),
            { level: magnitudeLevel[method] },
          )
    this.dropout.training = layer.training
  }

  /** `[..., in]` to `[..., out]`; `rows` are the places of its rows for dropout (`DropoutPlace`). */
  forward(input: Tensor, rows?: Tensor): Tensor {
    const options = this.dropout.active ? { dropout: (x: Tensor) => this.dropout.forward(x, { rows }) } : {}
    return this.magnitude ? bidoraLinear(input, this as BidoraLayer, options) : loraLinear(input, this, options)
  }

  mergedWeight(): Tensor {
    return this.magnitude ? mergedWeight(this as BidoraLayer) : cast(combinedWeight(this), this.weight.dtype)
  }

  /** What the adapter adds: loraA, loraB and, but for LoRA and rsLoRA, the magnitude. */
  adapterParameters(): Tensor[] {
    return this.magnitude ? [this.loraA, this.loraB, this.magnitude] : [this.loraA, this.loraB]
  }

  fileTensors(): Record<string, Tensor> {
    const suffix = this.magnitudeAxis === 'in' ? '_in' : ''
    const magnitude = this.magnitude ? { [`lora_magnitude_vector${suffix}`]: this.magnitude } : {}
    return { ...this.factors(), ...magnitude }
  }

  /** loraA and loraB with the ends of their names in PEFT's files. */
  protected factors(): Record<string, Tensor> {
    return { 'lora_A.weight': this.loraA, 'lora_B.weight': this.loraB }
  }

  /** Fills the factors `[rank, in]` and `[out, rank]` with their first values; float32 on the CPU. */
  protected start(loraA: Tensor, loraB: Tensor): void {
    init.kaimingUniform(loraA, { a: Math.sqrt(5) })
    init.constant(loraB, 0)
  }

  override describe(): string {
    return `${this.method}, ${this.weight.shape[1]}, ${this.weight.shape[0]}, rank=${this.loraA.shape[0]}, scaling=${this.scaling}`
  }
}

function checkSettings({ method, rank, loraAlpha, loraDropout = 0, magnitudeAxis = 'out' }: AdapterSettings): void {
  const refuse = (key: string, expected: string, got: unknown): never => {
    throw new ArgumentError('ADAPTER_SETTING', `adapter: expected ${key} to be ${expected}, got ${String(got)}`, {
      key,
      got,
    })
  }
  if (!['lora', 'rslora', 'dora', 'bidora'].includes(method))
    refuse('method', "'lora', 'rslora', 'dora' or 'bidora'", method)
  if (!(Number.isInteger(rank) && rank > 0)) refuse('rank', 'a whole number above 0', rank)
  if (!(Number.isFinite(loraAlpha) && loraAlpha > 0)) refuse('loraAlpha', 'a number above 0', loraAlpha)
  if (!(loraDropout >= 0 && loraDropout < 1)) refuse('loraDropout', 'a probability from 0 to below 1', loraDropout)
  if (magnitudeAxis !== 'in' && magnitudeAxis !== 'out') refuse('magnitudeAxis', "'in' or 'out'", magnitudeAxis)
}
