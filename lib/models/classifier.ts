import { ShapeError } from '../errors.ts'
import { binaryCrossEntropy, crossEntropy, meanSquaredError } from '../nn/index.ts'
import { reshape } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Batch } from './batch.ts'
import type { ProblemType } from './config.ts'
import { HeadedModel } from './headed-model.ts'

/** What to compute besides the logits. */
export interface ForwardOptions {
  /**
   * Also give the hidden states: the embeddings' output, then each layer's. The last layer then works for every token and
   * not for the pooled one alone: the logits are the same, but with dropout on it draws other masks.
   */
  hiddenStates?: boolean
}

/** What an encoder is to compute. */
export interface EncoderOptions extends ForwardOptions {
  /** Give the last hidden state of the first tokens alone, and do no work for the others that it does not need. */
  firstOnly?: boolean
}

/** What an encoder gives: hidden states [batch, seq, hidden], [rows, hidden] for a batch without padding. */
export interface EncoderOutput {
  /** With `firstOnly` [batch, hidden]. */
  readonly lastHiddenState: Tensor
  /** Embeddings' output and each layer's; where they were asked for. */
  readonly hiddenStates?: readonly Tensor[]
}

/** What a classifier gives. */
export interface ClassifierOutput {
  /** [batch, labels] */
  readonly logits: Tensor
  readonly hiddenStates?: readonly Tensor[]
}

/** A model that gives one row of logits a text: labels, scores or a regression. */
export abstract class SequenceClassifier extends HeadedModel {
  /**
   * @throws ShapeError where the batch is longer than `maxLength` or its tensors disagree.
   */
  abstract forward(batch: Batch, options?: ForwardOptions): ClassifierOutput
}

/**
 * The loss that transformers computes for a problem type, as a scalar.
 *
 * @param logits - [batch, labels]
 * @param target - single-label: class indices [batch] (int64); regression: values [batch] or [batch, labels]; multi-label:
 *   0 and 1 as [batch, labels]
 * @throws ShapeError where the shapes do not fit.
 */
export function classificationLoss(logits: Tensor, target: Tensor, problemType: ProblemType): Tensor {
  if (problemType === 'single-label') return crossEntropy(logits, target)
  if (problemType === 'multi-label') return binaryCrossEntropy(logits, target)
  if (target.ndim !== 1) return meanSquaredError(logits, target)
  if (logits.shape[1] === 1) return meanSquaredError(reshape(logits, [-1]), target)
  throw new ShapeError(
    'SHAPE_MISMATCH',
    `classificationLoss: expected values [batch, ${logits.shape[1]}] of a regression, got [${target.shape.join(', ')}]`,
    { shapes: [logits.shape, target.shape] },
  )
}
