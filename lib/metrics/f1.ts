import type { ClassIndices, ClassLabels, Counts } from './counts.ts'
import { countsByLabel, countsOf, isIndicators, ratio, total } from './counts.ts'
import type { BinaryOptions } from './precision.ts'

/**
 * Harmonic mean of precision and recall of the positive class, 0 where the class is neither predicted nor there. For
 * indicator rows it is taken over all labels together (micro).
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function f1(predictions: ClassLabels, references: ClassLabels, options: BinaryOptions = {}): number {
  return f1Of(
    isIndicators(references)
      ? total(countsByLabel('f1', predictions, references))
      : countsOf('f1', predictions as ClassIndices, references, options.positive ?? 1),
  )
}

/** F1 from counts: 2 TP / (2 TP + FP + FN). */
export function f1Of(counts: Counts): number {
  const doubled = 2 * counts.truePositives
  return ratio(doubled, doubled + counts.falsePositives + counts.falseNegatives)
}
