import { argmax, finite, sigmoid, softmax } from './scores.ts'
import type { PredictedEntity } from './token-classification.ts'

/** A label with its score, all scores by label; the number alone for regression; all labels for multi-label. */
export interface Prediction {
  /** The likeliest label (single-label). */
  label?: string
  /** Every label that is more likely than not (multi-label); the label of each token (token classification). */
  labels?: string[]
  /** The words of a text, or those that were given (token classification). */
  tokens?: string[]
  /** What the labels mark, where they mark entities (token classification). */
  entities?: PredictedEntity[]
  /** Probability of `label`, or the predicted number (regression). */
  score?: number
  /** Probability of each label. */
  scores?: Record<string, number>
  /** True where the text was cut. */
  truncated?: boolean
}

export type ProblemType = 'single-label' | 'regression' | 'multi-label'

/**
 * What logits say, worked out in float64: softmax over labels, a sigmoid for each label, or the number itself.
 *
 * @param logits [labels]
 * @throws BidoraError where a logit is no number: such a model predicts nothing.
 */
export function toPrediction(logits: Float64Array, problemType: ProblemType, labels: readonly string[]): Prediction {
  finite(logits)
  if (problemType === 'regression') return { score: logits[0]! }
  const probabilities = problemType === 'single-label' ? softmax(logits) : logits.map(sigmoid)
  const scores = Object.fromEntries(labels.map((label, index) => [label, probabilities[index]!]))
  if (problemType === 'multi-label') return { labels: labels.filter((_, index) => logits[index]! > 0), scores }
  const best = argmax(logits)
  return { label: labels[best]!, score: probabilities[best]!, scores }
}
