import { Dropout, type Layer, Linear, type Placement } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { EncoderConfig } from './config.ts'
import { positionsFromZero } from './embeddings.ts'
import { Pooler } from './encoder.ts'
import { EncoderModel } from './encoder-model.ts'
import type { ModelFamily } from './family.ts'
import { FirstTokenClassifier } from './first-token-classifier.ts'
import { TokenClassifier } from './token-classifier.ts'

// "BERT: Pre-training of Deep Bidirectional Transformers", as transformers' modeling_bert.py computes it.

/** The encoder alone. */
export class BertEncoder extends EncoderModel {
  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement, {
      positions: { lookUp: positionsFromZero },
      maxLength: config.maxPositionEmbeddings,
    })
  }
}

/** The encoder with its pooler. */
export class BertModel extends BertEncoder {
  readonly pooler: Pooler

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement)
    this.pooler = new Pooler(config, placement)
  }
}

/** Logits from the pooled first token. */
export class BertForSequenceClassification extends FirstTokenClassifier {
  readonly bert: BertModel
  readonly dropout: Dropout
  classifier: Layer

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config)
    this.bert = new BertModel(config, placement)
    this.dropout = new Dropout(config.classifierDropout ?? config.hiddenDropoutProb)
    this.classifier = new Linear(config.hiddenSize, config.labels.length, placement)
  }

  protected override get body(): BertModel {
    return this.bert
  }

  protected override logitsOf(first: Tensor): Tensor {
    const pooled = this.bert.pooler.forward(first) // [batch, hidden]
    return this.classifier.forward(this.dropout.forward(pooled))
  }
}

/** Logits of every token. */
export class BertForTokenClassification extends TokenClassifier {
  readonly bert: BertEncoder

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement)
    this.bert = new BertEncoder(config, placement)
  }

  protected override get body(): BertEncoder {
    return this.bert
  }
}

/** How checkpoints of `model_type` bert are read. */
export const bert: ModelFamily = {
  modelType: 'bert',
  prefix: 'bert',
  architecture: 'BertForSequenceClassification',
  create: (config, placement) => new BertForSequenceClassification(config, placement),
  tokenClassifier: {
    architecture: 'BertForTokenClassification',
    ignorable: [/^bert\.pooler\./],
    create: (config, placement) => new BertForTokenClassification(config, placement),
  },
  defaults: {
    vocabSize: 30522,
    hiddenSize: 768,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    intermediateSize: 3072,
    hiddenAct: 'gelu',
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
    classifierDropout: null,
    maxPositionEmbeddings: 512,
    typeVocabSize: 2,
    initializerRange: 0.02,
    layerNormEps: 1e-12,
    padTokenId: 0,
  },
  ignorable: [
    // Counters that older versions of transformers saved.
    /^bert\.embeddings\.(position_ids|token_type_ids)$/,
    // Heads of pretraining.
    /^cls\.(predictions|seq_relationship)\./,
  ],
}
