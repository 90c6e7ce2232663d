import type { ClassLabels } from './counts.ts'
import { countsByLabel } from './counts.ts'
import { f1Of } from './f1.ts'
import { mean } from './sum.ts'

/**
 * Unweighted mean of each label's F1. Class indices: over the classes that occur in predictions or references. Indicator
 * rows: over all columns, where a label that is neither predicted nor there counts as 0. Both as scikit-learn does.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function macroF1(predictions: ClassLabels, references: ClassLabels): number {
  return mean(countsByLabel('macroF1', predictions, references).map(f1Of))
}
