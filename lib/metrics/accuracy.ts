import { checkClasses, checkIndicators, checkPairs } from './check.ts'
import type { ClassIndices, ClassLabels, Indicators } from './counts.ts'
import { isIndicators } from './counts.ts'

/**
 * Share of examples whose prediction equals the reference; for indicator rows, the whole row (exact match).
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function accuracy(predictions: ClassLabels, references: ClassLabels): number {
  checkPairs('accuracy', predictions, references)
  return (
    (isIndicators(references)
      ? equalRows(predictions as Indicators, references)
      : equalEntries(predictions as ClassIndices, references)) / references.length
  )
}

function equalEntries(predictions: ClassIndices, references: ClassIndices): number {
  checkClasses('accuracy', predictions)
  checkClasses('accuracy', references)
  let equal = 0
  for (let i = 0; i < references.length; i++) if (predictions[i] === references[i]) equal++
  return equal
}

function equalRows(predictions: Indicators, references: Indicators): number {
  const width = references[0]!.length
  checkIndicators('accuracy', predictions, width)
  checkIndicators('accuracy', references, width)
  let equal = 0
  references.forEach((row, i) => {
    const predicted = predictions[i]!
    if (Array.from(row).every((entry, column) => Boolean(entry) === Boolean(predicted[column]))) equal++
  })
  return equal
}
