import { type BinaryOptions, scoreOf } from './average.ts'
import { type ClassLabels, ratio } from './counts.ts'

/**
 * Share of what is there that was found: true positives over all positive references, 0 where no reference is positive.
 * Of the positive class, or averaged (`average`); for indicator rows over all labels together unless told.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator,
 *   options that do not go together.
 */
export function recall(predictions: ClassLabels, references: ClassLabels, options: BinaryOptions = {}): number {
  return scoreOf('recall', predictions, references, options, ({ truePositives, falseNegatives }) =>
    ratio(truePositives, truePositives + falseNegatives),
  )
}
