import { crossEntropy, Dropout, type Layer, Linear, type Placement } from '../nn/index.ts'
import { flatten } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import type { ClassifierOutput, EncoderOutput, ForwardOptions } from './classifier.ts'
import type { EncoderConfig } from './config.ts'
import { HeadedModel } from './headed-model.ts'

/** What a head for tokens stands on. */
export interface TokenEncoder {
  readonly maxLength: number
  forward(batch: Batch, options?: ForwardOptions): EncoderOutput
}

/** A model that gives one row of logits a token: classifier(dropout(last hidden state)), without a pooler. */
export abstract class TokenClassifier extends HeadedModel<EncoderConfig> {
  readonly dropout: Dropout
  classifier: Layer

  /** @param dropout Probability of dropout before the head. */
  constructor(
    config: EncoderConfig,
    placement: Placement = {},
    dropout: number = config.classifierDropout ?? config.hiddenDropoutProb,
  ) {
    super(config)
    this.dropout = new Dropout(dropout)
    this.classifier = new Linear(config.hiddenSize, config.labels.length, placement)
  }

  protected abstract override get body(): TokenEncoder

  /**
   * Logits of every token, padding included: [batch, seq, labels], for a batch without padding [rows, labels].
   *
   * @throws ShapeError where the batch is longer than `maxLength` or its tensors disagree.
   */
  forward(batch: Batch, options: ForwardOptions = {}): ClassifierOutput {
    return scope(() => {
      const { lastHiddenState, hiddenStates } = this.body.forward(batch, options)
      const rows = batch.layout === 'packed' ? batch.rows.placeOf : undefined
      const dropped = this.dropout.forward(lastHiddenState, { rows }) // [..., hidden]
      const logits = this.classifier.forward(dropped, rows) // [..., labels]
      return { logits, ...(hiddenStates ? { hiddenStates } : {}) }
    })
  }
}

/**
 * The loss that transformers computes for token classification, as a scalar: the mean cross-entropy over the tokens whose
 * label is not -100; NaN where there are none.
 *
 * @param logits - [batch, seq, labels] or [rows, labels]
 * @param labels - [batch, seq] or [rows], int64
 * @throws ShapeError where the shapes do not fit.
 */
export function tokenLoss(logits: Tensor, labels: Tensor): Tensor {
  if (logits.ndim !== 3) return crossEntropy(logits, labels)
  return crossEntropy(flatten(logits, { startDim: 0, endDim: 1 }), flatten(labels))
}
