import {
  type AttentionContext,
  Dropout,
  firstTokens,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  type Placement,
} from '../nn/index.ts'
import { mul, narrow } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { EncoderConfig } from './config.ts'
import { Intermediate, SelfAttention } from './encoder.ts'
import { type Rotation, rotate } from './rotary.ts'
import { type LayerOptions, placesOf, Stack, type StackOptions } from './stack.ts'

// Hidden states are [batch, seq, hidden], or [rows, hidden] where a batch has no padding; written [..., hidden].

/** The rotation of the batch's tokens, where positions are rotary. */
export type EsmContext = AttentionContext & Partial<Rotation>

class EsmSelfAttention extends SelfAttention {
  override forward(input: Tensor, asking: Tensor, context: EsmContext, options: LayerOptions): Tensor {
    const { cos, sin, ...plain } = context
    if (!cos || !sin) return super.forward(input, asking, context, options)
    const { heads } = this.attend
    const root = Math.sqrt(asking.shape.at(-1)! / heads)
    // Every text's first token has the first place. The query is turned as scaled as transformers has it, since that
    // rounds to float32; attention scales by itself, so that it is taken back.
    const places = options.firstOnly ? { cos: narrow(cos, 0, 0, 1), sin: narrow(sin, 0, 0, 1) } : { cos, sin }
    const scaled = mul(this.query.forward(asking, placesOf(context, options)), 1 / root)
    const query = rotate(scaled, { cos: mul(places.cos, root), sin: mul(places.sin, root) }, heads)
    const key = rotate(this.key.forward(input, context.rows?.placeOf), { cos, sin }, heads)
    const value = this.value.forward(input, context.rows?.placeOf)
    return this.attend.forward(query, key, value, plain)
  }
}

/** dropout(dense(x)) + residual. */
class ResidualOutput extends Module {
  dense: Layer
  readonly dropout: Dropout

  constructor(inFeatures: number, config: EncoderConfig, placement: Placement) {
    super()
    this.dense = new Linear(inFeatures, config.hiddenSize, placement)
    this.dropout = new Dropout(config.hiddenDropoutProb)
  }

  /** [..., in] and the residual [..., hidden] to [..., hidden] */
  forward(input: Tensor, residual: Tensor, rows: Tensor | undefined): Tensor {
    return this.dropout.forward(this.dense.forward(input, rows), { residual, rows })
  }
}

class EsmAttention extends Module {
  readonly self: EsmSelfAttention
  readonly output: ResidualOutput
  readonly layerNorm: LayerNorm

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.self = new EsmSelfAttention(config, placement)
    this.output = new ResidualOutput(config.hiddenSize, config, placement)
    this.layerNorm = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
  }

  forward(input: Tensor, context: EsmContext, options: LayerOptions): Tensor {
    const normed = this.layerNorm.forward(input)
    const first = (states: Tensor) => (options.firstOnly ? firstTokens(states, context) : states)
    const attended = this.self.forward(normed, first(normed), context, options)
    return this.output.forward(attended, first(input), placesOf(context, options))
  }
}

class EsmLayer extends Module {
  readonly attention: EsmAttention
  readonly intermediate: Intermediate
  readonly output: ResidualOutput
  readonly layerNorm: LayerNorm

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.attention = new EsmAttention(config, placement)
    this.intermediate = new Intermediate(config, placement)
    this.output = new ResidualOutput(config.intermediateSize, config, placement)
    this.layerNorm = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
  }

  forward(input: Tensor, context: EsmContext, options: LayerOptions = {}): Tensor {
    const attended = scope(() => this.attention.forward(input, context, options)) // frees queries, keys, scores
    const rows = placesOf(context, options)
    return this.output.forward(this.intermediate.forward(this.layerNorm.forward(attended), rows), attended, rows)
  }
}

/** The stack of layers, with a layer norm after the last one. */
export class EsmEncoder extends Stack<EsmContext> {
  readonly layer: EsmLayer[]
  readonly embLayerNormAfter: LayerNorm

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.layer = Array.from({ length: config.numHiddenLayers }, () => new EsmLayer(config, placement))
    this.embLayerNormAfter = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
  }

  override forward(input: Tensor, context: EsmContext, options: StackOptions): Tensor[] {
    const states = super.forward(input, context, options)
    return [...states.slice(0, -1), this.embLayerNormAfter.forward(states.at(-1)!)]
  }
}
