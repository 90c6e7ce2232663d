import { type BinaryOptions, scoreOf } from './average.ts'
import { type ClassLabels, type Counts, ratio } from './counts.ts'

/**
 * Harmonic mean of precision and recall, 0 where a class is neither predicted nor there. Of the positive class, or
 * averaged (`average`); for indicator rows over all labels together unless told.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator,
 *   options that do not go together.
 */
export function f1(predictions: ClassLabels, references: ClassLabels, options: BinaryOptions = {}): number {
  return scoreOf('f1', predictions, references, options, f1Of)
}

/** F1 from counts: 2 TP / (2 TP + FP + FN). */
export function f1Of(counts: Counts): number {
  const doubled = 2 * counts.truePositives
  return ratio(doubled, doubled + counts.falsePositives + counts.falseNegatives)
}
