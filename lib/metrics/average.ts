import { ArgumentError } from '../errors.ts'
import type { ClassIndices, ClassLabels, Counts } from './counts.ts'
import { countsByLabel, countsByRow, countsOf, isIndicators, total } from './counts.ts'
import { mean, sum } from './sum.ts'

/** How the scores of several labels become one, as scikit-learn's `average`. */
export const AVERAGES = ['micro', 'macro', 'weighted', 'samples'] as const
export type Average = (typeof AVERAGES)[number]

/** Which class precision, recall and F1 are of, or over which they are averaged. */
export interface BinaryOptions {
  /** Index of the class that counts as positive; 1 unless told. Not for indicator rows. */
  positive?: number | undefined
  /**
   * `micro`: over all labels together (for indicator rows unless told). `macro`: mean of the labels. `weighted`: mean of
   * the labels, each weighted by how often it is there. `samples`: mean of the rows, of indicator rows alone. For class
   * indices the labels are the classes that occur in predictions or references.
   */
  average?: Average | undefined
}

/** One score from the counts that the options ask for. */
export function scoreOf(
  where: string,
  predictions: ClassLabels,
  references: ClassLabels,
  { positive, average }: BinaryOptions,
  score: (counts: Counts) => number,
): number {
  checkOptions(where, references, positive, average)
  if (average === undefined && !isIndicators(references))
    return score(countsOf(where, predictions as ClassIndices, references, positive ?? 1))
  if (average === 'samples') return mean(countsByRow(where, predictions, references).map(score))
  const counts = countsByLabel(where, predictions, references)
  if (average === 'macro') return mean(counts.map(score))
  if (average === 'weighted') return weighted(counts, score)
  return score(total(counts))
}

function weighted(counts: readonly Counts[], score: (counts: Counts) => number): number {
  const there = counts.map(({ truePositives, falseNegatives }) => truePositives + falseNegatives)
  const all = sum(there)
  // Where no label is there at all, nothing could be found rightly.
  return all === 0 ? 0 : sum(counts.map((entry, i) => score(entry) * there[i]!)) / all
}

function checkOptions(where: string, references: ClassLabels, positive: unknown, average: unknown): void {
  const refuse = (sentence: string): never => {
    throw new ArgumentError('METRIC_OPTION', `${where}: ${sentence}`, { positive, average })
  }
  if (average !== undefined && !(AVERAGES as readonly unknown[]).includes(average))
    refuse(`expected average to be ${AVERAGES.join(', ')} or left out, got '${String(average)}'; take one of them`)
  if (positive !== undefined && average !== undefined)
    refuse(`an average over all classes has no positive one; leave out positive or average`)
  if (references.length === 0) return // refused as empty where it is counted
  if (positive !== undefined && isIndicators(references))
    refuse('indicator rows have no positive class; leave out positive')
  if (average === 'samples' && !isIndicators(references))
    refuse("expected indicator rows for average 'samples', got class indices; take micro, macro or weighted")
}
