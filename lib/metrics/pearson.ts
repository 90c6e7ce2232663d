import { checkPairs } from './check.ts'
import { mean, sum } from './sum.ts'

/**
 * Pearson's correlation of two lists. NaN where it is not defined, as scipy gives it: a list whose numbers are all
 * equal, or one that holds NaN or infinity; also for a single pair, where scipy throws. (JSON has no NaN:
 * `JSON.stringify` writes null.)
 *
 * @throws ArgumentError on lists of different lengths and empty lists.
 */
export function pearson(predictions: ArrayLike<number>, references: ArrayLike<number>): number {
  checkPairs('pearson', predictions, references)
  const [x, y] = [deviations(predictions), deviations(references)]
  if (x === undefined || y === undefined) return Number.NaN
  const products = sum(x.map((value, i) => value * y[i]!))
  // One root of the product (both sums are small after scaling): equal lists give exactly 1.
  const norm = Math.sqrt(sum(x.map(value => value * value)) * sum(y.map(value => value * value)))
  return Math.max(-1, Math.min(1, products / norm))
}

/**
 * Distances from the mean, the largest of them between 1 and 2: the correlation does not change with scale, and squares
 * of very large or very small numbers would leave the range of a double. Undefined where there is no spread.
 */
function deviations(values: ArrayLike<number>): Float64Array | undefined {
  const numbers = Float64Array.from(values)
  if (!numbers.every(Number.isFinite) || numbers.every(value => value === numbers[0])) return undefined
  const scaled = rescale(numbers)
  const centre = mean(scaled)
  const first = scaled.map(value => value - centre)
  // The mean is rounded; what is left of it after the subtraction is taken off too.
  const rest = mean(first)
  return rescale(first.map(value => value - rest))
}

/** Divides by the power of two below the largest absolute value, which is exact. */
function rescale(values: Float64Array): Float64Array {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const exponent = Math.floor(Math.log2(largest))
  // In two steps: 2 to the power of more than 1023 is infinity.
  const [half, rest] = [Math.trunc(-exponent / 2), -exponent - Math.trunc(-exponent / 2)]
  return values.map(value => value * 2 ** half * 2 ** rest)
}
