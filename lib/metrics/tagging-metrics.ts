import { entityScores } from './entity-scores.ts'

/**
 * The scores of tagged sentences by name, rates from 0 to 1: `accuracy` of tokens; `precision`, `recall` and `f1` of all
 * entities together (`microF1` is the same number under the name that other tasks have for it), `macroF1`; and of each
 * type T `precision.T`, `recall.T`, `f1.T`. Entities are read as conlleval and seqeval's default mode do.
 *
 * @param types - Types that are reported whether or not they occur, as 0 where they do not.
 * @example taggingMetrics([['B-PER', 'O']], [['B-PER', 'O']])['f1.PER'] // 1
 * @throws ArgumentError on lists or sentences of different lengths, no tokens at all, and what is no tag.
 */
export function taggingMetrics(
  predictions: readonly (readonly string[])[],
  references: readonly (readonly string[])[],
  types: readonly string[] = [],
): Record<string, number> {
  const { accuracy, micro, macro, types: found } = entityScores(predictions, references)
  const scores: Record<string, number> = {
    accuracy,
    precision: micro.precision,
    recall: micro.recall,
    f1: micro.f1,
    microF1: micro.f1,
    macroF1: macro.f1,
  }
  for (const type of [...new Set([...types, ...Object.keys(found)])].sort()) {
    for (const rate of ['precision', 'recall', 'f1'] as const) scores[`${rate}.${type}`] = found[type]?.[rate] ?? 0
  }
  return scores
}
