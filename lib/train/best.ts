import type { HistoryEntry } from './types.ts'

/** Scores that a choice of weights may go by. */
export const BEST_METRICS = [
  'loss',
  'accuracy',
  'precision',
  'recall',
  'f1',
  'microF1',
  'macroF1',
  'matthews',
  'pearson',
  'spearman',
  'mse',
] as const
export type BestMetric = (typeof BEST_METRICS)[number]

/** Of all others, more is better. */
const LESS_IS_BETTER: readonly BestMetric[] = ['loss', 'mse']

export interface BestOptions {
  readonly metric: BestMetric
  /** By how much a score must be better than the last that counted, to count in its turn. */
  readonly minDelta: number
}

/** Where the evaluations of a phase have led. */
export interface BestCourse {
  /** The evaluation with the best score, the first of equal ones. */
  readonly entry: HistoryEntry
  readonly value: number
  /** Evaluations since the last one that counted as better. */
  readonly waited: number
}

/**
 * Reads the course of a phase off its lines alone, so that a run that is resumed judges as one that was not. A score that
 * is no number (a correlation of constants; JSON has null for it) is worse than any other.
 *
 * @param entries The lines of one phase, in order.
 * @returns undefined where none of them has an evaluation
 */
export function courseOf(entries: readonly HistoryEntry[], { metric, minDelta }: BestOptions): BestCourse | undefined {
  const sign = LESS_IS_BETTER.includes(metric) ? -1 : 1
  let best: HistoryEntry | undefined
  let [highest, counted, waited] = [-Infinity, -Infinity, 0]
  for (const entry of entries) {
    if (!entry.evaluation) continue
    const value: number | null | undefined = entry.evaluation[metric]
    const score = typeof value === 'number' && !Number.isNaN(value) ? sign * value : -Infinity
    if (!best || score > highest) [best, highest] = [entry, score]
    if (score > counted + minDelta) [counted, waited] = [score, 0]
    else waited++
  }
  return best && { entry: best, value: sign * highest, waited }
}

/** The line with the best evaluation of the phase that was evaluated last. */
export function bestEntry(
  entries: readonly HistoryEntry[],
  { bestMetric }: { readonly bestMetric: BestMetric },
): HistoryEntry | undefined {
  const last = entries.findLast(entry => entry.evaluation)
  const lines = entries.filter(({ phase, part }) => phase === last?.phase && part === last.part)
  return courseOf(lines, { metric: bestMetric, minDelta: 0 })?.entry
}
