import { type BinaryOptions, scoreOf } from './average.ts'
import { type ClassLabels, ratio } from './counts.ts'

/**
 * Share of what was found that is right: true positives over all predicted positives, 0 where nothing was predicted
 * positive. Of the positive class, or averaged (`average`); for indicator rows over all labels together unless told.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator,
 *   options that do not go together.
 */
export function precision(predictions: ClassLabels, references: ClassLabels, options: BinaryOptions = {}): number {
  return scoreOf('precision', predictions, references, options, ({ truePositives, falsePositives }) =>
    ratio(truePositives, truePositives + falsePositives),
  )
}
