import { checkClasses, checkPairs } from './check.ts'
import type { ClassIndices } from './counts.ts'

/**
 * Matthews correlation coefficient, for two classes or more (Gorodkin's R_K, as scikit-learn computes it):
 *
 *   (c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2))
 *
 * with s examples, c of them right, p_k predicted as class k and t_k of class k. 0 where the predictions or the
 * references are all of one class.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index.
 */
export function matthews(predictions: ClassIndices, references: ClassIndices): number {
  checkPairs('matthews', predictions, references)
  checkClasses('matthews', predictions)
  checkClasses('matthews', references)
  const [predicted, expected] = [tally(predictions), tally(references)]
  const size = references.length
  let right = 0
  for (let i = 0; i < size; i++) if (predictions[i] === references[i]) right++
  // All terms are whole numbers and exact below 2^53, that is for up to 9 * 10^7 examples.
  let both = 0
  for (const [label, count] of predicted) both += count * (expected.get(label) ?? 0)
  const spreadPredicted = size * size - squares(predicted)
  const spreadExpected = size * size - squares(expected)
  if (spreadPredicted === 0 || spreadExpected === 0) return 0
  // One square root of the product: taken apart, a perfect score would round to 1.0000000000000002.
  return (right * size - both) / Math.sqrt(spreadPredicted * spreadExpected)
}

function tally(labels: ClassIndices): Map<number, number> {
  const counts = new Map<number, number>()
  for (let i = 0; i < labels.length; i++) counts.set(labels[i]!, (counts.get(labels[i]!) ?? 0) + 1)
  return counts
}

function squares(counts: Map<number, number>): number {
  let total = 0
  for (const count of counts.values()) total += count * count
  return total
}
