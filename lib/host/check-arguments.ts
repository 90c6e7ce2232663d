import { nearest } from '../data/nearest.ts'
import { ArgumentError, ConfigError } from '../errors.ts'
import type { Source } from './chunks.ts'

/*
 * Checks of what a user gives to the class BiDoRA, made before anything is sent to the model's thread. `where` is the
 * name of the call. Examples, labels and settings are checked in the thread, where they are used.
 */

/** @throws ArgumentError for anything but a non-empty text. */
export function assertPath(value: unknown, where: string, what: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw wrong(where, `${what} as a text`, value)
}

/** @throws ArgumentError for options that are no plain object. */
export function assertOptions<T extends object>(value: T, where: string): T {
  if (isRecord(value)) return value
  throw wrong(where, 'an object of options', value)
}

/** @throws ConfigError for a name that is not known. */
export function refuseUnknown(options: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const guess = nearest(key, known)
    const advice = guess === undefined ? `known are ${known.join(', ')}` : `did you mean '${guess}'?`
    throw new ConfigError('CONFIG_UNKNOWN', `${where}: there is no option '${key}'; ${advice}`, { key, nearest: guess })
  }
}

/** @throws ArgumentError for anything that gives no items; a text is one item and not a list of letters. */
export function assertSource<T>(value: Source<T>, where: string, what: string): Source<T> {
  if (isIterable(value)) return value
  throw wrong(where, `${what} as an array, an iterable or an async iterable`, value)
}

/** @throws ArgumentError for anything but a function or undefined. */
export function assertCallback(value: unknown, where: string, what: string): void {
  if (value !== undefined && typeof value !== 'function') throw wrong(where, `${what} as a function`, value)
}

/** @throws ArgumentError for anything but an AbortSignal or undefined. */
export function assertSignal(value: unknown, where: string): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw wrong(where, 'signal as an AbortSignal', value)
}

/** The check of one text to predict for: here, because the thread only sees one small part of the inputs at a time. */
export function assertInput(where: string): (item: unknown, position: number) => void {
  return (item, position) => {
    const given = isRecord(item) ? item : Array.isArray(item) ? { tokens: item } : { text: item }
    if (Array.isArray(given.tokens) && given.tokens.length > 0 && given.tokens.every(isText)) return
    if (isText(given.text) && (given.pair === undefined || isText(given.pair))) return
    const expected = 'a text with something in it, { text, pair? } of such, or a list of words'
    throw wrong(where, `input ${position} to be ${expected}`, item)
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== ''
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(where: string, expected: string, got: unknown): ArgumentError {
  return new ArgumentError('ARGUMENT', `${where}: expected ${expected}, got ${show(got)}.`, { expected })
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  try {
    const text = JSON.stringify(value) ?? String(value)
    return text.length > 60 ? `${text.slice(0, 57)}...` : text
  } catch {
    return String(value)
  }
}
