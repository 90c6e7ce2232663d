import { ArgumentError } from '../errors.ts'
import { mean } from '../metrics/sum.ts'
import { quantile } from './summary.ts'

/** Gives whole numbers from 0 to `limit` - 1, all equally likely. */
export interface Draw {
  below(limit: number): number
}

export interface BootstrapOptions {
  random: Draw
  /** How many times everything is drawn anew. */
  resamples?: number | undefined
  /** Share of the distribution that the interval holds. */
  level?: number | undefined
  /** `percentile`: between two quantiles of the resampled means; `basic`: those, mirrored at the mean. */
  method?: 'percentile' | 'basic' | undefined
}

export interface BootstrapResult {
  /** Mean of the groups' means. */
  mean: number
  low: number
  high: number
  /** Standard deviation of the resampled means. */
  standardError: number
}

/**
 * Interval of a mean over groups of numbers (data sets) of the means within each (over seeds). A resample draws as many
 * groups as there are, with replacement, and for each drawn group, anew each time, as many of its numbers as it has: both
 * kinds of chance, which data and which seeds, are in it. For one group this is the usual bootstrap of a mean, and
 * `scipy.stats.bootstrap(..., method='percentile')` gives the same interval but for chance.
 *
 * With K groups of n_k numbers, group means m_k about m, and variances s_k^2 within (divided by n_k), the resampled mean
 * has variance (1 / K) [mean_k (m_k - m)^2 + mean_k s_k^2 / n_k].
 *
 * @throws ArgumentError for no groups, an empty one, a number that is not finite, or options out of range.
 */
export function hierarchicalBootstrap(
  groups: readonly (readonly number[])[],
  options: BootstrapOptions,
): BootstrapResult {
  const { random, resamples = 9999, level = 0.95, method = 'percentile' } = options
  check(groups, resamples, level)
  const means = new Float64Array(resamples)
  for (let resample = 0; resample < resamples; resample++) {
    let total = 0
    for (let i = 0; i < groups.length; i++) total += drawnMean(groups[random.below(groups.length)]!, random)
    means[resample] = total / groups.length
  }
  means.sort()
  const middle = mean(groups.map(group => mean(group)))
  const [low, high] = [quantile(means, (1 - level) / 2), quantile(means, (1 + level) / 2)]
  const center = mean(means)
  const standardError = Math.sqrt(mean(means.map(value => (value - center) ** 2)) * (resamples / (resamples - 1)))
  const bounds = method === 'basic' ? { low: 2 * middle - high, high: 2 * middle - low } : { low, high }
  return { mean: middle, ...bounds, standardError }
}

function drawnMean(group: readonly number[], random: Draw): number {
  let total = 0
  for (let i = 0; i < group.length; i++) total += group[random.below(group.length)]!
  return total / group.length
}

function check(groups: readonly (readonly number[])[], resamples: number, level: number): void {
  const refuse = (expected: string, got: string) => {
    throw new ArgumentError('STATISTICS_BOOTSTRAP', `bootstrap: expected ${expected}, got ${got}`)
  }
  if (groups.length === 0 || groups.some(group => group.length === 0)) refuse('groups with numbers in each', 'none')
  if (!groups.every(group => group.every(Number.isFinite))) refuse('finite numbers', JSON.stringify(groups))
  if (!(Number.isSafeInteger(resamples) && resamples > 1)) refuse('two resamples or more', String(resamples))
  if (!(level > 0 && level < 1)) refuse('a level between 0 and 1', String(level))
}
