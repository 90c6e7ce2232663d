import { ArgumentError } from '../errors.ts'

/** A range of numbers; both ends of it are finite. */
export interface Range {
  least?: number
  above?: number
  below?: number
  integer?: boolean
}

/**
 * Checks one number among a method's options.
 *
 * @param meaning what the number is, and a value to take: the end of the error's sentence
 * @throws ArgumentError where it lies outside the range, or is no number
 */
export function checkNumber(method: string, name: string, value: unknown, range: Range, meaning: string): void {
  const { least = Number.NEGATIVE_INFINITY, above = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = range
  const fits =
    typeof value === 'number' &&
    value >= least &&
    value > above &&
    value < below &&
    (!range.integer || Number.isInteger(value))
  if (fits && Number.isFinite(value)) return
  const ends = [
    range.least === undefined ? '' : `of at least ${least}`,
    range.above === undefined ? '' : `above ${above}`,
    range.below === undefined ? '' : `below ${below}`,
  ].filter(end => end !== '')
  throw new ArgumentError(
    `BILEVEL_${name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`,
    `${method}: expected ${range.integer ? 'a whole number of' : 'a'} ${name} ${ends.join(' and ')}, got ${String(value)}: ${meaning}`,
    { [name]: value, ...range },
  )
}

/** What to do where a series for the inverse Hessian breaks down, as on an indefinite Hessian it may. */
export type OnBreakdown = 'keep' | 'first-order' | 'throw'

const ways: readonly unknown[] = ['keep', 'first-order', 'throw'] satisfies OnBreakdown[]

/** @throws ArgumentError for a value that is none. */
export function checkOnBreakdown(method: string, value: unknown): void {
  if (ways.includes(value)) return
  throw new ArgumentError(
    'BILEVEL_ON_BREAKDOWN',
    `${method}: expected onBreakdown to be ${ways.join(', ')}, got ${String(value)}; keep uses what the series gave so far, first-order the direct gradient alone`,
    { onBreakdown: value, allowed: ways },
  )
}
