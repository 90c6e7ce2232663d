import { checkClasses, checkIndicators, checkPairs } from './check.ts'

/** How often a label was rightly found, wrongly found, and missed. */
export interface Counts {
  truePositives: number
  falsePositives: number
  falseNegatives: number
}

/** One class index an example. */
export type ClassIndices = ArrayLike<number>
/** Multi-label: one row an example, one 0 or 1 (or boolean) a label. */
export type Indicators = readonly ArrayLike<number | boolean>[]
/** What the classification metrics read: class indices, or indicator rows for multi-label. */
export type ClassLabels = ClassIndices | Indicators

/** True for rows of indicators, false for class indices. */
export function isIndicators(labels: ClassLabels): labels is Indicators {
  return labels.length > 0 && typeof labels[0] === 'object'
}

/**
 * Counts for each label. Class indices give one entry for each class that occurs in either list, in ascending order (as
 * scikit-learn's `labels=None`: a class that occurs nowhere has no score); indicator rows give one for each column.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no class index or indicator.
 */
export function countsByLabel(where: string, predictions: ClassLabels, references: ClassLabels): Counts[] {
  checkPairs(where, predictions, references)
  if (isIndicators(references)) return countsByColumn(where, predictions as Indicators, references)
  const [predicted, expected] = [predictions as ClassIndices, references]
  checkClasses(where, predicted)
  checkClasses(where, expected)
  const counts = new Map<number, Counts>()
  const of = (label: number) => {
    let entry = counts.get(label)
    if (entry === undefined) counts.set(label, (entry = { truePositives: 0, falsePositives: 0, falseNegatives: 0 }))
    return entry
  }
  for (let i = 0; i < expected.length; i++) {
    if (predicted[i] === expected[i]) of(expected[i]!).truePositives++
    else {
      of(predicted[i]!).falsePositives++
      of(expected[i]!).falseNegatives++
    }
  }
  return [...counts.keys()].sort((x, y) => x - y).map(of)
}

/** Counts of one class against all others. */
export function countsOf(where: string, predictions: ClassIndices, references: ClassIndices, positive: number): Counts {
  checkPairs(where, predictions, references)
  checkClasses(where, predictions)
  checkClasses(where, references)
  return countPairs(Array.from(references, (there, i) => [predictions[i] === positive, there === positive]))
}

/** Sum over labels: what micro averages are made of. */
export function total(counts: readonly Counts[]): Counts {
  const sum = { truePositives: 0, falsePositives: 0, falseNegatives: 0 }
  for (const entry of counts) {
    sum.truePositives += entry.truePositives
    sum.falsePositives += entry.falsePositives
    sum.falseNegatives += entry.falseNegatives
  }
  return sum
}

function countsByColumn(where: string, predictions: Indicators, references: Indicators): Counts[] {
  const width = references[0]!.length
  checkIndicators(where, references, width)
  checkIndicators(where, predictions, width)
  return Array.from({ length: width }, (_, column) =>
    countPairs(references.map((row, i) => [Boolean(predictions[i]![column]), Boolean(row[column])])),
  )
}

/**
 * Counts of each row of indicators, over its labels.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, entries that are no indicator.
 */
export function countsByRow(where: string, predictions: ClassLabels, references: ClassLabels): Counts[] {
  checkPairs(where, predictions, references)
  const [predicted, expected] = [predictions as Indicators, references as Indicators]
  const width = expected[0]!.length
  checkIndicators(where, expected, width)
  checkIndicators(where, predicted, width)
  return expected.map((row, i) =>
    countPairs(Array.from(row, (entry, column) => [Boolean(predicted[i]![column]), Boolean(entry)])),
  )
}

function countPairs(pairs: readonly (readonly [found: boolean, there: boolean])[]): Counts {
  const counts = { truePositives: 0, falsePositives: 0, falseNegatives: 0 }
  for (const [found, there] of pairs) {
    if (found && there) counts.truePositives++
    else if (found) counts.falsePositives++
    else if (there) counts.falseNegatives++
  }
  return counts
}

/** The quotient, or 0 where it is 0 / 0 (scikit-learn's `zero_division` default). */
export function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator
}
