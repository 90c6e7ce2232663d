import { noGrad } from '../autograd/index.ts'
import {
  type Activation,
  Attention,
  type AttentionContext,
  activation,
  Dropout,
  Embedding,
  firstTokens,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  type Placement,
} from '../nn/index.ts'
import { add, copy_, relu } from '../ops/index.ts'
import { scope, type Tensor, tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import { type EncoderConfig, flag } from './config.ts'
import { Embeddings, positionsFromZero } from './embeddings.ts'
import type { ModelFamily } from './family.ts'
import { FirstTokenClassifier } from './first-token-classifier.ts'
import type { StartsItself } from './initialise.ts'
import { type LayerOptions, placesOf, Stack, type StackOptions } from './stack.ts'
import { TextModel } from './text-model.ts'
import { TokenClassifier } from './token-classifier.ts'

// "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter", as transformers'
// modeling_distilbert.py computes it. It has no token types, and no dropout after attention's output.

interface DistilBertConfig extends EncoderConfig {
  /** Positions start as sines and cosines; nothing else depends on it. */
  readonly sinusoidalPosEmbds: boolean
}

/** A table that starts as sin and cos of position / 10000^(2 floor(column / 2) / dimension), even columns and odd ones. */
class SinusoidalPositions extends Embedding implements StartsItself {
  get starts() {
    return { weight: fillWithSinusoids }
  }
}

function fillWithSinusoids(table: Tensor): Tensor {
  const [count, dimension] = table.shape as [number, number]
  const values = Float32Array.from({ length: count * dimension }, (_, at) => {
    const [position, column] = [Math.floor(at / dimension), at % dimension]
    const angle = position / 10000 ** ((2 * Math.floor(column / 2)) / dimension)
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
  })
  return scope(() => noGrad(() => copy_(table, tensor(values, { shape: [count, dimension] }))))
}

/** outLin(attention of qLin, kLin and vLin). */
class SelfAttention extends Module {
  qLin: Layer
  kLin: Layer
  vLin: Layer
  outLin: Layer
  readonly attend: Attention

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    const project = () => new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.qLin = project()
    this.kLin = project()
    this.vLin = project()
    this.outLin = project()
    this.attend = new Attention(config.numAttentionHeads, { dropout: config.attentionProbsDropoutProb })
  }

  /** `asking` are the tokens that ask, all or the first ones: their shape is that of the result. */
  forward(input: Tensor, asking: Tensor, context: AttentionContext, options: LayerOptions): Tensor {
    const places = placesOf(context, options)
    const query = this.qLin.forward(asking, places)
    const key = this.kLin.forward(input, context.rows?.placeOf)
    const value = this.vLin.forward(input, context.rows?.placeOf)
    return this.outLin.forward(this.attend.forward(query, key, value, context), places)
  }
}

/** dropout(lin2(activation(lin1(x)))) + x. */
class FeedForward extends Module {
  readonly dropout: Dropout
  lin1: Layer
  lin2: Layer
  readonly #activation: Activation

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.dropout = new Dropout(config.hiddenDropoutProb)
    this.lin1 = new Linear(config.hiddenSize, config.intermediateSize, placement)
    this.lin2 = new Linear(config.intermediateSize, config.hiddenSize, placement)
    this.#activation = activation(config.hiddenAct)
  }

  /** [..., hidden] to [..., hidden] */
  forward(input: Tensor, rows: Tensor | undefined): Tensor {
    const inner = this.#activation(this.lin1.forward(input, rows)) // [..., intermediate]
    return this.dropout.forward(this.lin2.forward(inner, rows), { residual: input, rows })
  }
}

/** One layer: attention, then feed-forward, a layer norm after each residual. */
class TransformerBlock extends Module {
  readonly attention: SelfAttention
  readonly saLayerNorm: LayerNorm
  readonly ffn: FeedForward
  readonly outputLayerNorm: LayerNorm

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    const norm = () => new LayerNorm(config.hiddenSize, { ...placement, eps: config.layerNormEps })
    this.attention = new SelfAttention(config, placement)
    this.saLayerNorm = norm()
    this.ffn = new FeedForward(config, placement)
    this.outputLayerNorm = norm()
  }

  forward(input: Tensor, context: AttentionContext, options: LayerOptions = {}): Tensor {
    const attended = scope(() => {
      const asking = options.firstOnly ? firstTokens(input, context) : input
      return this.saLayerNorm.forward(add(this.attention.forward(input, asking, context, options), asking))
    })
    return this.outputLayerNorm.forward(this.ffn.forward(attended, placesOf(context, options)))
  }
}

class Transformer extends Stack {
  readonly layer: TransformerBlock[]

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.layer = Array.from({ length: config.numHiddenLayers }, () => new TransformerBlock(config, placement))
  }
}

/** The encoder. */
export class DistilBertModel extends TextModel {
  readonly embeddings: Embeddings
  readonly transformer: Transformer

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, config.maxPositionEmbeddings)
    this.embeddings = new Embeddings(config, placement, {
      lookUp: positionsFromZero,
      ...((config as DistilBertConfig).sinusoidalPosEmbds
        ? { table: (count, dimension, where) => new SinusoidalPositions(count, dimension, where) }
        : {}),
    })
    this.transformer = new Transformer(config, placement)
  }

  protected override embed(batch: Batch): Tensor {
    return this.embeddings.forward(batch)
  }

  protected override run(embedded: Tensor, context: AttentionContext, options: StackOptions): Tensor[] {
    return this.transformer.forward(embedded, context, options)
  }
}

/** classifier(dropout(relu(preClassifier(first token)))). */
export class DistilBertForSequenceClassification extends FirstTokenClassifier {
  readonly distilbert: DistilBertModel
  preClassifier: Layer
  classifier: Layer
  readonly dropout: Dropout

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config)
    this.distilbert = new DistilBertModel(config, placement)
    this.preClassifier = new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.classifier = new Linear(config.hiddenSize, config.labels.length, placement)
    this.dropout = new Dropout(config.classifierDropout ?? 0)
  }

  protected override get body(): DistilBertModel {
    return this.distilbert
  }

  protected override logitsOf(first: Tensor): Tensor {
    const inner = relu(this.preClassifier.forward(first)) // [batch, hidden]
    return this.classifier.forward(this.dropout.forward(inner))
  }
}

/** Logits of every token. */
export class DistilBertForTokenClassification extends TokenClassifier {
  readonly distilbert: DistilBertModel

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement, config.hiddenDropoutProb)
    this.distilbert = new DistilBertModel(config, placement)
  }

  protected override get body(): DistilBertModel {
    return this.distilbert
  }
}

/** How checkpoints of `model_type` distilbert are read. */
export const distilbert: ModelFamily = {
  modelType: 'distilbert',
  prefix: 'distilbert',
  architecture: 'DistilBertForSequenceClassification',
  create: (config, placement) => new DistilBertForSequenceClassification(config, placement),
  tokenClassifier: {
    architecture: 'DistilBertForTokenClassification',
    ignorable: [/^pre_classifier\./],
    create: (config, placement) => new DistilBertForTokenClassification(config, placement),
  },
  defaults: {
    vocabSize: 30522,
    hiddenSize: 768,
    numHiddenLayers: 6,
    numAttentionHeads: 12,
    intermediateSize: 3072,
    hiddenAct: 'gelu',
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
    classifierDropout: 0.2,
    maxPositionEmbeddings: 512,
    typeVocabSize: 0,
    initializerRange: 0.02,
    layerNormEps: 1e-12,
    padTokenId: 0,
  },
  names: {
    hiddenSize: 'dim',
    numHiddenLayers: 'n_layers',
    numAttentionHeads: 'n_heads',
    intermediateSize: 'hidden_dim',
    hiddenAct: 'activation',
    hiddenDropoutProb: 'dropout',
    attentionProbsDropoutProb: 'attention_dropout',
    classifierDropout: 'seq_classif_dropout',
    typeVocabSize: null,
    layerNormEps: null,
  },
  own: { sinusoidalPosEmbds: { check: flag, default: false } },
  ignorable: [
    // A counter that older versions of transformers saved.
    /^distilbert\.embeddings\.position_ids$/,
    // The head of pretraining.
    /^vocab_(transform|layer_norm|projector)\./,
  ],
  // PEFT names none for this model; these are the counterparts of BERT's.
  targetModules: ['q_lin', 'v_lin'],
}
