import { mean } from '../metrics/sum.ts'

/** Mean and sample standard deviation (divided by n - 1); the latter is undefined for fewer than two numbers. */
export function summarize(values: readonly number[]): { mean: number; spread: number | undefined } {
  const middle = mean(values)
  if (values.length < 2) return { mean: middle, spread: undefined }
  const squares = values.map(value => (value - middle) ** 2)
  return { mean: middle, spread: Math.sqrt((mean(squares) * values.length) / (values.length - 1)) }
}

/**
 * The value below which a share of the sorted numbers lies, between two of them by straight line (numpy's and scipy's
 * default, type 7 of Hyndman and Fan 1996).
 *
 * @param sorted At least one number, ascending.
 * @param share From 0 to 1.
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (place - below)
}
