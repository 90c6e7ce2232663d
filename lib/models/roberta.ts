import { ConfigError } from '../errors.ts'
import { Dropout, type Layer, Linear, Module, type Placement, type TextRows } from '../nn/index.ts'
import { add, cumsum, indexSelect, mul, ne, tanh, to, view } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { EncoderConfig } from './config.ts'
import type { PositionLookup } from './embeddings.ts'
import type { ModelFamily } from './family.ts'
import { FirstTokenClassifier } from './first-token-classifier.ts'
import { EncoderModel } from './encoder-model.ts'
import { TokenClassifier } from './token-classifier.ts'

// "RoBERTa: A Robustly Optimized BERT Pretraining Approach", as transformers' modeling_roberta.py computes it.

/** Real tokens count from the padding token's id + 1, padding has that id: from fairseq. */
export function positionsAfter(padding: number): PositionLookup {
  return (table, batch) => {
    const real = to(ne(batch.inputIds, padding), { dtype: 'int64' }) // [batch, seq] or [rows]
    const count = batch.layout === 'packed' ? countInText(real, batch.rows) : cumsum(real, 1)
    return table.forward(add(mul(count, real), padding)) // [..., hidden]
  }
}

/** Running count that starts anew in each text: [rows] to [rows]. */
function countInText(real: Tensor, { rowOf, mask, placeOf }: TextRows): Tensor {
  const sideBySide = mul(view(indexSelect(real, 0, rowOf), mask.shape), mask) // [batch, seq]
  return indexSelect(view(cumsum(sideBySide, 1), [-1]), 0, placeOf)
}

/** The encoder; its pooler is not used by any head here. */
export class RobertaModel extends EncoderModel {
  /** @throws ConfigError where the configuration names no padding token: positions count from it. */
  constructor(config: EncoderConfig, placement: Placement = {}) {
    const padding = config.padTokenId
    if (padding === undefined) {
      throw new ConfigError('MODEL_CONFIG', 'roberta: expected a pad_token_id, got none; positions count from it')
    }
    super(config, placement, {
      positions: { lookUp: positionsAfter(padding), paddingIndex: padding },
      maxLength: config.maxPositionEmbeddings - padding - 1,
    })
  }
}

/** outProj(dropout(tanh(dense(dropout(first token))))). */
export class RobertaClassificationHead extends Module {
  dense: Layer
  readonly dropout: Dropout
  outProj: Layer

  constructor(config: EncoderConfig, placement: Placement) {
    super()
    this.dense = new Linear(config.hiddenSize, config.hiddenSize, placement)
    this.dropout = new Dropout(config.classifierDropout ?? config.hiddenDropoutProb)
    this.outProj = new Linear(config.hiddenSize, config.labels.length, placement)
  }

  /** First tokens [batch, hidden] to [batch, labels]. */
  forward(first: Tensor): Tensor {
    const inner = tanh(this.dense.forward(this.dropout.forward(first))) // [batch, hidden]
    return this.outProj.forward(this.dropout.forward(inner))
  }
}

/** Logits from the first token's last hidden state. */
export class RobertaForSequenceClassification extends FirstTokenClassifier {
  readonly roberta: RobertaModel
  readonly classifier: RobertaClassificationHead

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config)
    this.roberta = new RobertaModel(config, placement)
    this.classifier = new RobertaClassificationHead(config, placement)
  }

  protected override get body(): RobertaModel {
    return this.roberta
  }

  protected override logitsOf(first: Tensor): Tensor {
    return this.classifier.forward(first)
  }
}

/** Logits of every token. */
export class RobertaForTokenClassification extends TokenClassifier {
  readonly roberta: RobertaModel

  constructor(config: EncoderConfig, placement: Placement = {}) {
    super(config, placement)
    this.roberta = new RobertaModel(config, placement)
  }

  protected override get body(): RobertaModel {
    return this.roberta
  }
}

/** How checkpoints of `model_type` roberta are read. */
export const roberta: ModelFamily = {
  modelType: 'roberta',
  prefix: 'roberta',
  architecture: 'RobertaForSequenceClassification',
  create: (config, placement) => new RobertaForSequenceClassification(config, placement),
  tokenClassifier: {
    architecture: 'RobertaForTokenClassification',
    ignorable: [],
    create: (config, placement) => new RobertaForTokenClassification(config, placement),
  },
  defaults: {
    vocabSize: 50265,
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
    padTokenId: 1,
  },
  ignorable: [
    // Counters that older versions of transformers saved.
    /^roberta\.embeddings\.(position_ids|token_type_ids)$/,
    // The head of pretraining, and a pooler that no head here reads.
    /^lm_head\./,
    /^roberta\.pooler\./,
  ],
}
