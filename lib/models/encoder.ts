import { tanh } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import {
  type Activation,
  Attention,
  type AttentionContext,
  activation,
  Dropout,
  firstTokens,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  type Placement,
} from '../nn/index.ts'
import type { EncoderConfig } from './config.ts'
import { type LayerOptions, placesOf, Stack } from './stack.ts'

// The encoder that BERT and RoBERTa share ("Attention is all you need", layer norm after each residual). The properties
// bear the names of the checkpoints, so every weight's path is its name on disk.
//
// Hidden states are [batch, seq, hidden], or [rows, hidden] where a batch has no padding; written [..., hidden].

/** Query, key and value of one layer and the attention between them. */
export class SelfAttention extends Module {
  query: Layer
  key: Layer
  value: Layer
  readonly attend: Attention

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.query = new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.key = new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.value = new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.attend = new Attention(config.numAttentionHeads, { dropout: config.attentionProbsDropoutProb })
  }

  /** `asking` are the tokens that ask, all or the first ones: their shape is that of the result. */
  forward(input: Tensor, asking: Tensor, context: AttentionContext, options: LayerOptions): Tensor {
    const query = this.query.forward(asking, placesOf(context, options))
    const key = this.key.forward(input, context.rows?.placeOf)
    const value = this.value.forward(input, context.rows?.placeOf)
    return this.attend.forward(query, key, value, context)
  }
}

/** layerNorm(dropout(dense(x)) + residual): the end of both halves of a layer. */
export class ResidualOutput extends Module {
  dense: Layer
  readonly layerNorm: LayerNorm
  readonly dropout: Dropout

  constructor(inFeatures: number, config: EncoderConfig, placement: Placement) {
    super()
    this.dense = new Linear(inFeatures, config.hiddenSize, placement)
    this.layerNorm = new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
    this.dropout = new Dropout(config.hiddenDropoutProb)
  }

  /** [..., in] and the residual [..., hidden] to [..., hidden]; `rows` are the places of its rows for dropout. */
  forward(input: Tensor, residual: Tensor, rows: Tensor | undefined): Tensor {
    return this.layerNorm.forward(this.dropout.forward(this.dense.forward(input, rows), { residual, rows }))
  }
}

/** What stands between the tokens that ask and all others. */
type Attending<Context extends AttentionContext> = Module & {
  forward(input: Tensor, asking: Tensor, context: Context, options: LayerOptions): Tensor
}

/** The attention half of a layer. */
export class SelfAttentionBlock<Context extends AttentionContext = AttentionContext> extends Module {
  readonly self: Attending<Context>
  readonly output: ResidualOutput

  constructor(self: Attending<Context>, config: EncoderConfig, placement: Placement) {
    super()
    this.self = self
    this.output = new ResidualOutput(config.hiddenSize, config, placement)
  }

  forward(input: Tensor, context: Context, options: LayerOptions): Tensor {
    const asking = options.firstOnly ? firstTokens(input, context) : input
    const attended = this.self.forward(input, asking, context, options)
    return this.output.forward(attended, asking, placesOf(context, options))
  }
}

/** The widening part of the feed-forward half. */
export class Intermediate extends Module {
  dense: Layer
  readonly #activation: Activation

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.dense = new Linear(config.hiddenSize, config.intermediateSize, placement)
    this.#activation = activation(config.hiddenAct)
  }

  /** [..., hidden] to [..., intermediate] */
  forward(input: Tensor, rows: Tensor | undefined): Tensor {
    return this.#activation(this.dense.forward(input, rows))
  }
}

/** One layer: attention, then feed-forward. */
export class EncoderLayer<Context extends AttentionContext = AttentionContext> extends Module {
  readonly attention: SelfAttentionBlock<Context>
  readonly intermediate: Intermediate
  readonly output: ResidualOutput

  constructor(self: Attending<Context>, config: EncoderConfig, placement: Placement) {
    super()
    this.attention = new SelfAttentionBlock(self, config, placement)
    this.intermediate = new Intermediate(config, placement)
    this.output = new ResidualOutput(config.intermediateSize, config, placement)
  }

  forward(input: Tensor, context: Context, options: LayerOptions = {}): Tensor {
    const attended = scope(() => this.attention.forward(input, context, options)) // frees queries, keys, scores
    const rows = placesOf(context, options)
    return this.output.forward(this.intermediate.forward(attended, rows), attended, rows)
  }
}

/** The stack of layers. */
export class Encoder extends Stack {
  readonly layer: EncoderLayer[]

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.layer = Array.from({ length: config.numHiddenLayers }, () => {
      const self = new SelfAttention(config, placement)
      return new EncoderLayer(self, config, placement)
    })
  }
}

/** tanh(dense(first token)). */
export class Pooler extends Module {
  dense: Layer

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.dense = new Linear(config.hiddenSize, config.hiddenSize, placement)
  }

  /** First tokens [batch, hidden] to [batch, hidden]. */
  forward(first: Tensor): Tensor {
    return tanh(this.dense.forward(first))
  }
}
