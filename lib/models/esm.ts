import { buffer, init, Module, type Placement } from '../nn/index.ts'
import { empty } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import type { EncoderConfig } from './config.ts'
import { placesInText } from './embeddings.ts'
import { checkFields, type EsmConfig, esmFields } from './esm-config.ts'
import { EsmEmbeddings } from './esm-embeddings.ts'
import { type EsmContext, EsmEncoder } from './esm-layers.ts'
import type { ModelFamily } from './family.ts'
import { FirstTokenClassifier } from './first-token-classifier.ts'
import type { StartsItself } from './initialise.ts'
import { RobertaClassificationHead } from './roberta.ts'
import { RotaryEmbedding } from './rotary.ts'
import type { StackOptions } from './stack.ts'
import { TextModel } from './text-model.ts'
import { TokenClassifier } from './token-classifier.ts'

// ESM-2 and ESM-1b, "Evolutionary-scale prediction of atomic-level protein structure with a language model", as
// transformers' modeling_esm.py computes it: layer norms before each half of a layer and after the last layer.

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
    checkFields(esm)
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

/** Logits from the first token's last hidden state. */
export class EsmForSequenceClassification extends FirstTokenClassifier {
  readonly esm: EsmModel
  readonly classifier: RobertaClassificationHead

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config)
    this.esm = new EsmModel(config, placement)
    this.classifier = new RobertaClassificationHead(config, placement)
  }

  protected override get body(): EsmModel {
    return this.esm
  }

  protected override logitsOf(first: Tensor): Tensor {
    return this.classifier.forward(first)
  }
}

/** Logits of every token. */
export class EsmForTokenClassification extends TokenClassifier {
  readonly esm: EsmModel

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement)
    this.esm = new EsmModel(config, placement)
  }

  protected override get body(): EsmModel {
    return this.esm
  }
}

/** transformers 5.23 writes them back with an asterisk for the layer. */
const oldSpeeds = /^esm\.encoder\.layer\.(\d+|\*)\.attention\.self\.rotary_embeddings\.inv_freq$/

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
  own: esmFields,
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
