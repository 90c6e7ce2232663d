import type { ClassLabels } from './counts.ts'
import { countsByLabel, total } from './counts.ts'
import { f1Of } from './f1.ts'

/**
 * F1 over all labels together. With one class an example it equals the accuracy.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function microF1(predictions: ClassLabels, references: ClassLabels): number {
  return f1Of(total(countsByLabel('microF1', predictions, references)))
}
