import { ArgumentError } from '../errors.ts'
import { detach, empty, to, zeros } from '../ops/index.ts'
import { Dropout, init, type Level, type Linear, parameter } from '../nn/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { bidoraLinear, type BidoraLayer, combinedWeight, mergedWeight } from './bidora.ts'
import { forgetConstants } from '../autograd/index.ts'
import { AdapterLayer } from './layer.ts'
import { cast, directionNorm, type MagnitudeAxis, wideType } from './norm.ts'
import { loraLinear } from './lora.ts'

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
 * A linear layer with an adapter, in the place of the `Linear` it was made from: it keeps that layer's weight and bias,
 * frozen, under their own names, and adds `loraA`, `loraB` and, but for LoRA and rsLoRA, `magnitude`. loraA starts
 * Kaiming-uniform(a = sqrt 5), loraB at zero and the magnitude at the weight's norms, so that the output is at first that
 * of the layer it replaces. Every parameter says its level.
 */
export class AdaptedLinear extends AdapterLayer {
  readonly method: AdapterMethod
  /** `[out, in]` */
  weight: Tensor
  /** `[out]` */
  bias: Tensor | null
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
  readonly #original: Linear // a private field, so that its tensors are not listed twice

  /** @throws ArgumentError for settings that cannot be meant. */
  constructor(linear: Linear, settings: AdapterSettings) {
    super()
    checkSettings(settings)
    const { method, rank, loraDropout = 0, magnitudeAxis = 'out', detachNorm = method === 'dora' } = settings
    this.#original = linear
    this.method = method
    this.weight = linear.weight
    this.bias = linear.bias
    for (const frozen of linear.parameters()) frozen.requiresGrad = false

    // Adapters of 16-bit weights are float32: their steps are smaller than what 16 bits can add.
    const placement = { dtype: wideType(linear), device: linear.weight.device }
    // Drawn as float32 on the CPU, so that a seed gives the same start on every device and dtype.
    const start = scope(() => to(init.kaimingUniform(empty([rank, linear.inFeatures]), { a: Math.sqrt(5) }), placement))
    this.loraA = parameter(start, { level: 'lower' })
    this.loraB = parameter(zeros([linear.outFeatures, rank], placement), { level: 'lower' })
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
    this.training = linear.training
    this.dropout.training = linear.training
  }

  /** `[..., in]` to `[..., out]`; `rows` are the places of its rows for dropout (`DropoutPlace`). */
  forward(input: Tensor, rows?: Tensor): Tensor {
    const options = this.dropout.active ? { dropout: (x: Tensor) => this.dropout.forward(x, { rows }) } : {}
    return this.magnitude ? bidoraLinear(input, this as BidoraLayer, options) : loraLinear(input, this, options)
  }

  /** The weight of the plain layer that computes the same, `[out, in]`: made from the frozen weight, which stays. */
  mergedWeight(): Tensor {
    return this.magnitude ? mergedWeight(this as BidoraLayer) : cast(combinedWeight(this), this.weight.dtype)
  }

  /** What the adapter adds: loraA, loraB and, but for LoRA and rsLoRA, the magnitude. */
  adapterParameters(): Tensor[] {
    return this.magnitude ? [this.loraA, this.loraB, this.magnitude] : [this.loraA, this.loraB]
  }

  fileTensors(): Record<string, Tensor> {
    const factors = { 'lora_A.weight': this.loraA, 'lora_B.weight': this.loraB }
    const suffix = this.magnitudeAxis === 'in' ? '_in' : ''
    return this.magnitude ? { ...factors, [`lora_magnitude_vector${suffix}`]: this.magnitude } : factors
  }

  /** The layer without its adapter; the adapter's own tensors are disposed. */
  detach(): Linear {
    this.#original.weight = this.weight
    this.#original.bias = this.bias
    this.#original.train(this.training)
    for (const own of this.adapterParameters()) own.dispose()
    forgetConstants(this.weight)
    return this.#original
  }

  override release(): void {
    forgetConstants(this.weight)
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
