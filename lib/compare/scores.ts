import { ConfigError } from '../errors.ts'
import { hint } from '../data/nearest.ts'
import type { Metrics } from '../train/types.ts'
import type { PreparedDataset } from './dataset.ts'
import type { Scoring } from './runs.ts'
import type { ReportDataset } from './types.ts'

/** Scores that are better low. */
const LOW: readonly string[] = ['loss', 'mse', 'perplexity']

/**
 * What runs on a data set are compared by, and on which rows.
 *
 * @throws ConfigError where the data set has no such score or no such part.
 */
export function scoredDataset(
  dataset: PreparedDataset,
  asked: { metric: string | undefined; scoreOn: 'validation' | 'test' | undefined; holdOut: number | undefined },
): { dataset: ReportDataset; scoring: Scoring } {
  const { name, metrics, parts, problemType, labels, warnings } = dataset
  const metric = asked.metric ?? metrics[0]!
  if (!(metrics as readonly string[]).includes(metric)) {
    throw new ConfigError(
      'CONFIG_METRIC',
      `compare: expected a score of ${name} (${metrics.join(', ')}), got '${metric}'${hint(metric, metrics)}; take one of these`,
      { key: 'metric', value: metric, allowed: metrics },
    )
  }
  const part = asked.holdOut !== undefined ? 'validation' : (asked.scoreOn ?? (parts.test ? 'test' : 'validation'))
  if (asked.holdOut === undefined && parts[part] === undefined) {
    throw new ConfigError(
      'CONFIG_PART',
      `compare: expected ${part} rows of ${name} to score the runs on, got none; give ${asked.scoreOn ? 'them' : 'validation or test rows'}, or hold training rows out with holdOut (--hold-out 0.2)`,
      { key: 'scoreOn', dataset: name },
    )
  }
  return {
    dataset: {
      name,
      problemType,
      labels,
      parts,
      warnings,
      metric,
      higherIsBetter: !LOW.includes(metric),
      scoredOn: asked.holdOut === undefined ? part : 'held-out',
    },
    scoring: { part, holdOut: asked.holdOut },
  }
}

/** The score of a run; null where it is not defined (a correlation of constant predictions). */
export function scoreOf(metrics: { readonly validation?: Metrics; readonly test?: Metrics }, dataset: ReportDataset) {
  const scores = dataset.scoredOn === 'test' ? metrics.test : metrics.validation
  const score = scores?.[dataset.metric]
  return typeof score === 'number' && Number.isFinite(score) ? score : null
}
