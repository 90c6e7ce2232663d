import { ArgumentError } from '../errors.ts'
import { averageRanks } from '../metrics/average-ranks.ts'
import { normalTail } from './normal.ts'
import { permutationTails, SignedRankDistribution } from './signed-rank.ts'

/** How a signed-rank test is made; names and defaults are those of `scipy.stats.wilcoxon`. */
export interface WilcoxonOptions {
  /**
   * What becomes of differences that are zero: left out (`wilcox`), ranked and then left out (`pratt`), or ranked and
   * counted half on either side (`zsplit`).
   */
  zeroMethod?: 'wilcox' | 'pratt' | 'zsplit' | undefined
  alternative?: 'two-sided' | 'less' | 'greater' | undefined
  /** Moves the normal approximation half a rank towards its mean. */
  correction?: boolean | undefined
  /**
   * `exact`: the distribution for ranks without ties; `permutation`: over all signs of the ranks as they are, so exact
   * with ties and zeros too; `asymptotic`: the normal approximation. `auto` takes `exact` for up to 50 differences without
   * ties or zeros, `permutation` for up to 13 with some, and else `asymptotic`.
   */
  method?: 'auto' | 'exact' | 'permutation' | 'asymptotic' | undefined
}

export interface WilcoxonResult {
  /** The smaller of the two rank sums; one-sided, that of the positive differences. */
  statistic: number
  /** NaN where nothing is left to test by the normal approximation: all differences are zero. */
  pValue: number
  method: 'exact' | 'permutation' | 'asymptotic'
  /** The approximation's standard score; -|z| two-sided. Undefined for the other methods. */
  z: number | undefined
}

/** Ranks of the absolute differences, and what follows from them. */
interface Ranked {
  positive: number
  negative: number
  /** Ranks of differences other than zero. */
  free: number[]
  /** Ranked differences: without the zeros for `wilcox`. */
  count: number
  mean: number
  spread: number
  ties: boolean
}

/**
 * The paired signed-rank test of Wilcoxon (1945): whether paired differences lie about zero. Equal to
 * `scipy.stats.wilcoxon(differences)` of scipy 1.17 under the same options.
 *
 * @throws ArgumentError where there are no differences or one is not finite.
 */
export function wilcoxon(differences: readonly number[], options: WilcoxonOptions = {}): WilcoxonResult {
  const { zeroMethod = 'wilcox', alternative = 'two-sided', correction = false } = options
  check(differences)
  const ranked = rank(differences, zeroMethod)
  const { positive, negative } = ranked
  const statistic = alternative === 'two-sided' ? Math.min(positive, negative) : positive
  const method = choose(options.method ?? 'auto', differences, ranked.ties)
  if (method === 'asymptotic') return { statistic, method, ...approximate(ranked, alternative, correction) }
  const tails = method === 'exact' ? exactTails(ranked) : permutationTails(ranked.free, freeSum(ranked, zeroMethod))
  return { statistic, method, z: undefined, pValue: fromTails(tails, alternative) }
}

function check(differences: readonly number[]): void {
  if (differences.length === 0) {
    throw new ArgumentError('STATISTICS_EMPTY', 'wilcoxon: expected at least one difference, got none; pass some')
  }
  const wrong = differences.findIndex(value => !Number.isFinite(value))
  if (wrong < 0) return
  throw new ArgumentError(
    'STATISTICS_FINITE',
    `wilcoxon: expected finite differences, got ${String(differences[wrong])} at ${wrong}; leave out pairs without a score`,
    { index: wrong, value: differences[wrong] },
  )
}

function rank(differences: readonly number[], zeroMethod: 'wilcox' | 'pratt' | 'zsplit'): Ranked {
  const kept = zeroMethod === 'wilcox' ? differences.filter(value => value !== 0) : differences
  const sizes = kept.map(Math.abs)
  const ranks = averageRanks(sizes)
  const sumOf = (wanted: (value: number) => boolean) =>
    kept.reduce((sum, value, i) => sum + (wanted(value) ? ranks[i]! : 0), 0)
  const zeros = kept.filter(value => value === 0).length
  const half = zeroMethod === 'zsplit' ? sumOf(value => value === 0) / 2 : 0
  const count = kept.length
  let mean = (count * (count + 1)) / 4
  let squares = count * (count + 1) * (2 * count + 1)
  // Cureton (1967): ranks that zeros have taken do not vary.
  if (zeroMethod === 'pratt') {
    mean -= (zeros * (zeros + 1)) / 4
    squares -= zeros * (zeros + 1) * (2 * zeros + 1)
  }
  const groups = groupSizes(zeroMethod === 'pratt' ? sizes.filter(size => size > 0) : sizes)
  const tied = groups.reduce((sum, size) => sum + (size ** 3 - size), 0)
  return {
    positive: sumOf(value => value > 0) + half,
    negative: sumOf(value => value < 0) + half,
    free: [...ranks].filter((_, i) => kept[i] !== 0),
    count,
    mean,
    spread: Math.sqrt((squares - tied / 2) / 24),
    ties: groupSizes(sizes).some(size => size > 1),
  }
}

/** How often each value is there. */
function groupSizes(values: readonly number[]): number[] {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts.values()]
}

/** What scipy 1.17 takes: up to 13 differences all signs are fewer than its 9,999 resamples. */
function choose(
  method: NonNullable<WilcoxonOptions['method']>,
  differences: readonly number[],
  ties: boolean,
): WilcoxonResult['method'] {
  if (method !== 'auto') return method
  if (differences.length > 50) return 'asymptotic'
  if (!ties && !differences.includes(0)) return 'exact'
  return differences.length <= 13 ? 'permutation' : 'asymptotic'
}

/** z = (W+ - mean) / spread, moved by the correction, and its tail. */
function approximate(
  { positive, mean, spread }: Ranked,
  alternative: NonNullable<WilcoxonOptions['alternative']>,
  correction: boolean,
): { z: number; pValue: number } {
  let z = (positive - mean) / spread
  if (correction) {
    const sign = alternative === 'two-sided' ? Math.sign(z) : alternative === 'greater' ? 1 : -1
    z -= (sign * 0.5) / spread
  }
  if (alternative === 'greater') return { z, pValue: normalTail(z) }
  if (alternative === 'less') return { z, pValue: normalTail(-z) }
  return { z: -Math.abs(z), pValue: 2 * normalTail(Math.abs(z)) }
}

/** With ties the sum may be a half, for which the distribution has no place: rounded so that no p-value gets smaller. */
function exactTails({ count, positive }: Ranked): { lower: number; upper: number } {
  const distribution = new SignedRankDistribution(count)
  return { lower: distribution.lower(Math.ceil(positive)), upper: distribution.upper(Math.floor(positive)) }
}

/** The rank sum of the positive differences without the halves of zeros, which no sign moves. */
function freeSum({ positive, negative, free }: Ranked, zeroMethod: string): number {
  if (zeroMethod !== 'zsplit') return positive
  const moving = free.reduce((sum, value) => sum + value, 0)
  return positive - (positive + negative - moving) / 2
}

function fromTails(
  { lower, upper }: { lower: number; upper: number },
  alternative: NonNullable<WilcoxonOptions['alternative']>,
): number {
  if (alternative === 'less') return lower
  if (alternative === 'greater') return upper
  return Math.min(1, 2 * Math.min(lower, upper))
}
