import type { ClassIndices, ClassLabels } from './counts.ts'
import { countsByLabel, countsOf, isIndicators, ratio, total } from './counts.ts'

/** Which class the binary metrics look for. */
export interface BinaryOptions {
  /** Index of the positive class; 1 unless told. Not read for indicator rows. */
  positive?: number | undefined
}

/**
 * Share of what was found that is right: true positives over all predicted positives, 0 where nothing was predicted
 * positive. For indicator rows it is taken over all labels together (micro).
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function precision(predictions: ClassLabels, references: ClassLabels, options: BinaryOptions = {}): number {
  const counts = isIndicators(references)
    ? total(countsByLabel('precision', predictions, references))
    : countsOf('precision', predictions as ClassIndices, references, options.positive ?? 1)
  return ratio(counts.truePositives, counts.truePositives + counts.falsePositives)
}
