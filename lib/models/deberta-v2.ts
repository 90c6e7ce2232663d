import {
  type Activation,
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
import { add, arange, eq, mul, ne, to, unsqueeze, view } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import type { EncoderConfig } from './config.ts'
import { checkSizes, type DebertaConfig, debertaFields, normsOf } from './deberta-config.ts'
import { ConvLayer } from './deberta-conv.ts'
import { distancesOf, spanOf } from './deberta-distances.ts'
import { type DebertaContext, DisentangledSelfAttention } from './disentangled-attention.ts'
import { positionsFromZero, rowPlaces, typesOf } from './embeddings.ts'
import { EncoderLayer } from './encoder.ts'
import type { ModelFamily } from './family.ts'
import { FirstTokenClassifier } from './first-token-classifier.ts'
import { Stack, type StackOptions } from './stack.ts'
import { TextModel } from './text-model.ts'
import { TokenClassifier } from './token-classifier.ts'

// DeBERTa, versions 2 and 3 ("DeBERTaV3: Improving DeBERTa using ELECTRA-Style Pre-Training with Gradient-Disentangled
// Embedding Sharing"), as transformers' modeling_deberta_v2.py computes it.

/** dropout(layerNorm(words and, where there are some, places and types)), zero where there is padding. */
class DebertaEmbeddings extends Module {
  readonly wordEmbeddings: Embedding
  readonly positionEmbeddings: Embedding | null
  readonly tokenTypeEmbeddings: Embedding | null
  embedProj: Layer | null
  readonly layerNorm: LayerNorm
  readonly dropout: Dropout

  constructor(config: DebertaConfig, placement: Placement) {
    super()
    const { hiddenSize, vocabSize, maxPositionEmbeddings, typeVocabSize, padTokenId } = config
    const width = config.embeddingSize ?? hiddenSize
    const padding = padTokenId === undefined ? {} : { paddingIndex: padTokenId }
    this.wordEmbeddings = new Embedding(vocabSize, width, { ...placement, ...padding })
    this.positionEmbeddings = config.positionBiasedInput ? new Embedding(maxPositionEmbeddings, width, placement) : null
    this.tokenTypeEmbeddings = typeVocabSize > 0 ? new Embedding(typeVocabSize, width, placement) : null
    this.embedProj = width === hiddenSize ? null : new Linear(width, hiddenSize, { ...placement, bias: false })
    this.layerNorm = new LayerNorm(hiddenSize, { ...placement, eps: config.layerNormEps })
    this.dropout = new Dropout(config.hiddenDropoutProb)
  }

  /** [batch, seq, hidden], [rows, hidden] without padding */
  forward(batch: Batch): Tensor {
    const rows = rowPlaces(batch)
    let states = this.wordEmbeddings.forward(batch.inputIds) // [..., embedding]
    if (this.positionEmbeddings) states = add(states, positionsFromZero(this.positionEmbeddings, batch))
    if (this.tokenTypeEmbeddings) states = add(states, typesOf(this.tokenTypeEmbeddings, batch))
    if (this.embedProj) states = this.embedProj.forward(states, rows.rows) // [..., hidden]
    const normed = this.layerNorm.forward(states)
    const kept = keptOf(batch, normed)
    return this.dropout.forward(kept ? mul(normed, kept) : normed, rows)
  }
}

/** [batch, seq, 1] in the type of the states, 0 for padding; undefined where there is none. */
function keptOf(batch: Batch, { dtype }: Tensor): Tensor | undefined {
  if (batch.layout === 'packed' || batch.hasPadding === false) return undefined
  return to(unsqueeze(ne(batch.attentionMask, 0), -1), { dtype })
}

class DebertaEncoder extends Stack<DebertaContext> {
  readonly layer: EncoderLayer<DebertaContext>[]
  readonly relEmbeddings: Embedding | null
  readonly layerNorm: LayerNorm | null
  readonly conv: ConvLayer | null
  readonly #config: DebertaConfig

  constructor(config: DebertaConfig, placement: Placement) {
    super()
    const { hiddenSize, relativeAttention, layerNormEps: eps } = config
    this.#config = config
    this.layer = Array.from({ length: config.numHiddenLayers }, () => {
      const self = new DisentangledSelfAttention(config, placement)
      return new EncoderLayer(self, config, placement)
    })
    this.relEmbeddings = relativeAttention ? new Embedding(2 * spanOf(config), hiddenSize, placement) : null
    const isNormed = normsOf(config.normRelEbd).includes('layer_norm')
    this.layerNorm = isNormed ? new LayerNorm(hiddenSize, { ...placement, eps }) : null
    this.conv = config.convKernelSize > 0 ? new ConvLayer(config, placement) : null
  }

  /** The vectors of the distances that texts of `seq` tokens have. */
  distancesFor(seq: number): Pick<DebertaContext, 'distances' | 'distanceOf'> {
    if (!this.relEmbeddings) return {}
    const { device } = this.relEmbeddings.weight // [2 span, hidden]
    const { start, count, distanceOf } = distancesOf(seq, this.#config, device)
    const needed = arange(start, start + count, { dtype: 'int64', device })
    const vectors = this.relEmbeddings.forward(needed) // [distances, hidden]
    return { distances: this.layerNorm ? this.layerNorm.forward(vectors) : vectors, distanceOf }
  }

  override forward(input: Tensor, context: DebertaContext, options: StackOptions): Tensor[] {
    // A convolution after the last layer needs that layer's output of all tokens.
    if (!(options.firstOnly && this.conv && this.layer.length === 1)) return super.forward(input, context, options)
    return [firstTokens(super.forward(input, context, { ...options, firstOnly: false })[0]!, context)]
  }

  protected override after(layer: number, output: Tensor, input: Tensor, context: DebertaContext): Tensor {
    return layer === 0 && this.conv ? this.conv.forward(input, output, context) : output
  }
}

/** The encoder. */
export class DebertaV2Model extends TextModel<DebertaContext> {
  readonly embeddings: DebertaEmbeddings
  readonly encoder: DebertaEncoder

  /** @throws ConfigError for sizes that do not fit each other. */
  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, config.maxPositionEmbeddings)
    checkSizes(config as DebertaConfig)
    this.embeddings = new DebertaEmbeddings(config as DebertaConfig, placement)
    this.encoder = new DebertaEncoder(config as DebertaConfig, placement)
  }

  protected override embed(batch: Batch): Tensor {
    return this.embeddings.forward(batch)
  }

  protected override contextOf(batch: Batch, embedded: Tensor): DebertaContext {
    if (batch.layout === 'packed') {
      const { rows } = batch
      const [texts, seq] = rows.mask.shape as [number, number]
      const hidden = batch.hasPadding ? { hidden: view(eq(rows.mask, 0), [texts, 1, 1, seq]) } : {}
      return { rows, ...hidden, ...this.encoder.distancesFor(seq) }
    }
    const distances = this.encoder.distancesFor(batch.inputIds.shape[1]!)
    const kept = keptOf(batch, embedded)
    if (!kept) return distances
    // Padding sees nothing, which gives it even weights.
    const seen = unsqueeze(mul(kept, kept.transpose(1, 2)), 1) // [batch, 1, query, key]
    return { kept, hidden: eq(seen, 0), ...distances }
  }

  protected override run(embedded: Tensor, context: DebertaContext, options: StackOptions): Tensor[] {
    return this.encoder.forward(embedded, context, options)
  }
}

/** activation(dense(dropout(first token))). */
class ContextPooler extends Module {
  dense: Layer
  readonly dropout: Dropout
  readonly #activation: Activation

  constructor(config: DebertaConfig, placement: Placement) {
    super()
    this.dense = new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.dropout = new Dropout(config.poolerDropout)
    this.#activation = activation(config.poolerHiddenAct)
  }

  /** First tokens [batch, hidden] to [batch, hidden]. */
  forward(first: Tensor): Tensor {
    return this.#activation(this.dense.forward(this.dropout.forward(first)))
  }
}

/** Logits from the pooled first token. */
export class DebertaV2ForSequenceClassification extends FirstTokenClassifier {
  readonly deberta: DebertaV2Model
  readonly pooler: ContextPooler
  classifier: Layer
  readonly dropout: Dropout

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config)
    this.deberta = new DebertaV2Model(config, placement)
    this.pooler = new ContextPooler(config as DebertaConfig, placement)
    this.classifier = new Linear(config.hiddenSize, config.labels.length, placement)
    this.dropout = new Dropout((config as DebertaConfig).clsDropout ?? config.hiddenDropoutProb)
  }

  protected override get body(): DebertaV2Model {
    return this.deberta
  }

  protected override logitsOf(first: Tensor): Tensor {
    const pooled = this.pooler.forward(first) // [batch, hidden]
    return this.classifier.forward(this.dropout.forward(pooled))
  }
}

/** Logits of every token. */
export class DebertaV2ForTokenClassification extends TokenClassifier {
  readonly deberta: DebertaV2Model

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement)
    this.deberta = new DebertaV2Model(config, placement)
  }

  protected override get body(): DebertaV2Model {
    return this.deberta
  }
}

/** How checkpoints of `model_type` deberta-v2 are read. */
export const debertaV2: ModelFamily = {
  modelType: 'deberta-v2',
  prefix: 'deberta',
  architecture: 'DebertaV2ForSequenceClassification',
  create: (config, placement) => new DebertaV2ForSequenceClassification(config, placement),
  tokenClassifier: {
    architecture: 'DebertaV2ForTokenClassification',
    ignorable: [/^pooler\./],
    create: (config, placement) => new DebertaV2ForTokenClassification(config, placement),
  },
  defaults: {
    vocabSize: 128100,
    hiddenSize: 1536,
    numHiddenLayers: 24,
    numAttentionHeads: 24,
    intermediateSize: 6144,
    hiddenAct: 'gelu',
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
    classifierDropout: null,
    maxPositionEmbeddings: 512,
    typeVocabSize: 0,
    initializerRange: 0.02,
    layerNormEps: 1e-7,
    padTokenId: 0,
  },
  names: { classifierDropout: null },
  own: debertaFields,
  ignorable: [
    // A counter that older versions of transformers saved.
    /^deberta\.embeddings\.position_ids$/,
    // Heads of pretraining.
    /^(cls|lm_predictions|mask_predictions)\./,
  ],
  unusedBy: config =>
    (config as DebertaConfig).positionBiasedInput ? [] : [/^deberta\.embeddings\.position_embeddings\.weight$/],
  // Checkpoints of the encoder alone have no pooler; that of another task is as good a start as any.
  startsAnew: (path, newHead) => newHead && path.startsWith('pooler.'),
  targetModules: ['query_proj', 'value_proj'],
  head: ['pooler', 'classifier'],
}
