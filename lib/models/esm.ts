import { ConfigError } from '../errors.ts'
import {
  type AttentionContext,
  buffer,
  Dropout,
  firstTokens,
  init,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  type Placement,
} from '../nn/index.ts'
import { empty, mul, narrow } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import { type ClassifierOutput, type ForwardOptions, SequenceClassifier } from './classifier.ts'
import { type EncoderConfig, flag, positive, token } from './config.ts'
import { Intermediate, SelfAttention } from './encoder.ts'
import { placesInText } from './embeddings.ts'
import { EsmEmbeddings } from './esm-embeddings.ts'
import type { ModelFamily } from './family.ts'
import type { StartsItself } from './initialise.ts'
import { RobertaClassificationHead } from './roberta.ts'
import { RotaryEmbedding, type Rotation, rotate } from './rotary.ts'
import { type LayerOptions, placesOf, Stack, type StackOptions } from './stack.ts'
import { TextModel } from './text-model.ts'
import { TokenClassifier } from './token-classifier.ts'

// ESM-2 and ESM-1b, "Evolutionary-scale prediction of atomic-level protein structure with a language model", as
// transformers' modeling_esm.py computes it: layer norms before each half of a layer and after the last layer.

/** What an ESM has beside the common fields. */
export interface EsmConfig extends EncoderConfig {
  readonly positionEmbeddingType: 'absolute' | 'rotary'
  readonly ropeTheta: number
  readonly embLayerNormBefore: boolean | undefined
  /** Masked tokens are zero, and the others are scaled by how many there are. */
  readonly tokenDropout: boolean
  readonly maskTokenId: number | undefined
}

/** The rotation of the batch's tokens, where positions are rotary. */
type EsmContext = AttentionContext & Partial<Rotation>

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

class EsmEncoder extends Stack<EsmContext> {
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

/** The weights of a head that predicts contacts. No head here reads them; they are kept for transformers, which wants them. */
class ContactRegression extends Module implements StartsItself {
  /** [1, layers * heads] */
  weight: Tensor
  /** [1] */
  bias: Tensor
  readonly #std: number
  readonly starts = {
    weight: (tensor: Tensor) => init.normal(tensor, { std: this.#std }),
    bias: (tensor: Tensor) => init.constant(tensor, 0),
  }

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.#std = config.initializerRange
    this.weight = buffer(this.starts.weight(empty([1, config.numHiddenLayers * config.numAttentionHeads], placement)))
    this.bias = buffer(this.starts.bias(empty([1], placement)))
  }
}

class ContactHead extends Module {
  readonly regression: ContactRegression

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.regression = new ContactRegression(config, placement)
  }
}

/** The encoder. */
export class EsmModel extends TextModel<EsmContext> {
  readonly embeddings: EsmEmbeddings
  readonly rotaryEmbeddings: RotaryEmbedding | null
  readonly encoder: EsmEncoder
  readonly contactHead: ContactHead

  /** @throws ConfigError where fields do not fit each other. */
  constructor(config: EncoderConfig, placement: Placement = {}) {
    const esm = config as EsmConfig
    const { positionEmbeddingType, maxPositionEmbeddings, padTokenId } = esm
    const isRotary = positionEmbeddingType === 'rotary'
    checkConfig(esm)
    super(config, isRotary ? maxPositionEmbeddings : maxPositionEmbeddings - padTokenId! - 1)
    this.embeddings = new EsmEmbeddings(esm, placement)
    const headDim = config.hiddenSize / config.numAttentionHeads
    this.rotaryEmbeddings = isRotary ? new RotaryEmbedding(headDim, esm.ropeTheta, placement) : null
    this.encoder = new EsmEncoder(config, placement)
    this.contactHead = new ContactHead(config, placement)
  }

  protected override embed(batch: Batch): Tensor {
    return this.embeddings.forward(batch)
  }

  protected override contextOf(batch: Batch, embedded: Tensor): EsmContext {
    const context = super.contextOf(batch, embedded)
    if (!this.rotaryEmbeddings) return context
    return { ...context, ...this.rotaryEmbeddings.forward(placesInText(batch), embedded.dtype) }
  }

  protected override run(embedded: Tensor, context: EsmContext, options: StackOptions): Tensor[] {
    return this.encoder.forward(embedded, context, options)
  }
}

function checkConfig(config: EsmConfig): void {
  const refuse = (expected: string): never => {
    throw new ConfigError('MODEL_CONFIG', `esm: expected ${expected}`)
  }
  if (config.padTokenId === undefined) refuse('a pad_token_id, got none; positions count from it')
  if (config.tokenDropout && config.maskTokenId === undefined) refuse('a mask_token_id with token_dropout, got none')
  const headDim = config.hiddenSize / config.numAttentionHeads
  if (config.positionEmbeddingType === 'rotary' && headDim % 2 !== 0)
    refuse(`an even size of heads with rotary positions, got ${headDim}`)
}

/** Logits from the first token's last hidden state. */
export class EsmForSequenceClassification extends SequenceClassifier {
  readonly esm: EsmModel
  readonly classifier: RobertaClassificationHead

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config)
    this.esm = new EsmModel(config, placement)
    this.classifier = new RobertaClassificationHead(config, placement)
  }

  get maxLength(): number {
    return this.esm.maxLength
  }

  override forward(batch: Batch, options: ForwardOptions = {}): ClassifierOutput {
    return scope(() => {
      const { lastHiddenState, hiddenStates } = this.esm.forward(batch, { ...options, firstOnly: true })
      const logits = this.classifier.forward(lastHiddenState) // [batch, labels]
      return { logits, ...(hiddenStates ? { hiddenStates } : {}) }
    })
  }
}

/** transformers 5.23 writes them back with an asterisk for the layer. */
const oldSpeeds = /^esm\.encoder\.layer\.(\d+|\*)\.attention\.self\.rotary_embeddings\.inv_freq$/

/** Logits of every token. */
export class EsmForTokenClassification extends TokenClassifier {
  readonly esm: EsmModel

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement, config.hiddenDropoutProb)
    this.esm = new EsmModel(config, placement)
  }

  protected override get body(): EsmModel {
    return this.esm
  }
}

/** How checkpoints of `model_type` esm are read. */
export const esm: ModelFamily = {
  modelType: 'esm',
  prefix: 'esm',
  architecture: 'EsmForSequenceClassification',
  create: (config, placement) => new EsmForSequenceClassification(config, placement),
  tokenClassifier: {
    architecture: 'EsmForTokenClassification',
    ignorable: [],
    create: (config, placement) => new EsmForTokenClassification(config, placement),
  },
  defaults: {
    vocabSize: null,
    hiddenSize: 768,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    intermediateSize: 3072,
    hiddenAct: 'gelu',
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
    classifierDropout: null,
    maxPositionEmbeddings: 1026,
    typeVocabSize: 0,
    initializerRange: 0.02,
    layerNormEps: 1e-12,
    padTokenId: null,
  },
  names: { hiddenAct: null, classifierDropout: null, typeVocabSize: null },
  own: {
    positionEmbeddingType: {
      check: ['absolute or rotary', value => value === 'absolute' || value === 'rotary'],
      default: 'absolute',
    },
    ropeTheta: { check: positive, default: 10000 },
    embLayerNormBefore: { check: ['true, false or null', value => value === null || flag[1](value)], default: null },
    tokenDropout: { check: flag, default: false },
    maskTokenId: { check: token, default: null },
    isFoldingModel: { check: ['false (folding is not supported)', value => value === false], default: false },
    headDim: { check: ['nothing (heads of another size are not supported)', value => value === null], default: null },
  },
  ignorable: [
    // A counter that older versions of transformers saved, and the speeds of rotation that each layer had there.
    /^esm\.embeddings\.position_ids$/,
    oldSpeeds,
    // The head of pretraining, and a pooler that no head here reads.
    /^lm_head\./,
    /^esm\.pooler\./,
  ],
  unusedBy: config =>
    (config as EsmConfig).positionEmbeddingType === 'rotary' ? [/^esm\.embeddings\.position_embeddings\.weight$/] : [],
  // The first layer's are kept: they may have been rounded when the model was trained.
  renamed: name => (/\.layer\.[0*]\./.test(name) && oldSpeeds.test(name) ? 'esm.rotary_embeddings.inv_freq' : name),
  startsAnew: path => path === 'esm.rotaryEmbeddings.invFreq' || path.startsWith('esm.contactHead.'),
}
