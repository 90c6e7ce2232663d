import type { ClassIndices, ClassLabels } from './counts.ts'
import { countsByLabel, countsOf, isIndicators, ratio, total } from './counts.ts'
import type { BinaryOptions } from './precision.ts'

/**
 * Share of what is there that was found: true positives over all positive references, 0 where no reference is positive.
 * For indicator rows it is taken over all labels together (micro).
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function recall(predictions: ClassLabels, references: ClassLabels, options: BinaryOptions = {}): number {
  const counts = isIndicators(references)
    ? total(countsByLabel('recall', predictions, references))
    : countsOf('recall', predictions as ClassIndices, references, options.positive ?? 1)
  return ratio(counts.truePositives, counts.truePositives + counts.falseNegatives)
}
