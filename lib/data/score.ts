import { DataError } from '../errors.ts'
import { show } from './examples.ts'

/**
 * A decimal number, in the notation of JSON and then some (`.5`, `+1`).
 *
 * @throws DataError for anything else: NaN, text, nothing, a decimal comma.
 */
export function parseScore(where: string, text: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  if (Number.isFinite(value)) return value
  const advice = /^[+-]?\d+,\d+$/.test(text) ? 'write the decimal point as .' : 'correct or remove the row'
  throw new DataError('DATA_SCORE', `${where}: expected a number as score, got ${show(text)}; ${advice}`, {
    score: text,
  })
}
