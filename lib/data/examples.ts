import { DataError } from '../errors.ts'
import type { ProblemType } from '../metrics/task-metrics.ts'

/** Classification: name or index. Regression: a number. Multi-label: the names that apply, maybe none. */
export type Label = string | number | readonly string[]

/** A text to predict for, alone or with the second text of a pair. */
export interface TextInput {
  text: string
  pair?: string | undefined
}

/** A text or pair of texts with what is to be learned about it. */
export interface Example extends TextInput {
  label: Label
}

/** A sentence for token classification: words, and one label a word (BIO2 where labels mark entities). */
export interface TokenExample {
  tokens: readonly string[]
  labels: readonly string[]
}

/** A text to be written: after a prompt the one completion to learn, or several of which any would be right (references). */
export type GenerationExample =
  | { prompt: string; completion: string }
  | { prompt: string; completions: readonly string[] }

/** What one example is, by task. */
export interface ExampleOf {
  'text-classification': Example
  'token-classification': TokenExample
  'text-generation': GenerationExample
}

export type Task = keyof ExampleOf

export const tasks: readonly Task[] = ['text-classification', 'token-classification', 'text-generation']

/** What is predicted for, by task. */
export interface InputOf {
  'text-classification': TextInput
  'token-classification': { tokens: readonly string[] }
  'text-generation': { prompt: string }
}

/** What a user may hand over row by row: an array, any iterable, an async iterable. */
export type Rows<T> = Iterable<T> | AsyncIterable<T>

/** How examples are checked. */
export interface ExampleOptions {
  problemType: ProblemType
  /** What errors call the list; an index is added. */
  where?: string | undefined
  /** Stops the reading of a slow source. */
  signal?: AbortSignal | undefined
}

/**
 * Reads and checks a user's examples. Texts are kept as they are; only a text of nothing but white space is refused.
 *
 * @throws DataError naming the first bad example: no text, an empty one, a label of the wrong kind, NaN or text as a
 * score, a pair in some rows only, no examples at all.
 */
export async function collectExamples(rows: Rows<unknown>, options: ExampleOptions): Promise<Example[]> {
  const where = options.where ?? 'examples'
  const examples: Example[] = []
  for await (const row of iterate(rows, where)) {
    options.signal?.throwIfAborted()
    const place = `${where}[${examples.length}]`
    const input = checkInput(place, row)
    const example: Example = { ...input, label: checkLabel(place, (row as Example).label, options.problemType) }
    checkPairing(where, examples, example)
    examples.push(example)
  }
  if (examples.length === 0) {
    throw new DataError('DATA_EMPTY', `${where}: expected examples, got none; pass at least one`, { where })
  }
  return examples
}

/**
 * Reads and checks inputs to predict for: strings or `{ text, pair? }`.
 *
 * @throws DataError naming the first bad input.
 */
export async function collectInputs(rows: Rows<unknown>, where = 'inputs'): Promise<TextInput[]> {
  const inputs: TextInput[] = []
  for await (const row of iterate(rows, where)) {
    const place = `${where}[${inputs.length}]`
    inputs.push(typeof row === 'string' ? { text: checkText(place, row) } : checkInput(place, row))
  }
  return inputs
}

/** Refuses what is no iterable; a string is one, but of letters. */
export function iterate(rows: Rows<unknown>, where: string): Rows<unknown> {
  const given = rows as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined
  if (typeof given === 'object' && given !== null && (given[Symbol.iterator] || given[Symbol.asyncIterator]))
    return rows
  throw new DataError(
    'DATA_ROWS',
    `${where}: expected an array or an (async) iterable, got ${kindOf(rows)}; pass the rows in an array`,
    { where },
  )
}

function checkInput(where: string, row: unknown): TextInput {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new DataError('DATA_ROW', `${where}: expected an object { text, label }, got ${kindOf(row)}; wrap it`, {
      where,
    })
  }
  const { text, pair } = row as { text?: unknown; pair?: unknown }
  if (text === undefined) {
    for (const [key, task] of [
      ['tokens', 'token-classification'],
      ['prompt', 'text-generation'],
    ] as const) {
      if (key in row) {
        throw new DataError(
          'DATA_TASK',
          `${where}: expected a text, got '${key}', which is for the task ${task}; make the model for that task, or use 'text'`,
          { where },
        )
      }
    }
  }
  const input: TextInput = { text: checkText(where, text) }
  if (pair !== undefined && pair !== null) input.pair = checkText(where, pair, 'pair')
  return input
}

/** A text that is a string with more than white space in it. */
export function checkText(where: string, value: unknown, name = 'text'): string {
  if (typeof value !== 'string') {
    throw new DataError(
      'DATA_TEXT',
      `${where}: expected '${name}' to be a string, got ${kindOf(value)}; pass the text`,
      { where },
    )
  }
  if (value.trim() === '') {
    throw new DataError(
      'DATA_EMPTY_TEXT',
      `${where}: expected '${name}' to hold text, got an empty one; remove the row`,
      { where },
    )
  }
  return value
}

/** A label of the kind that the problem has; whether a name is known is another matter. */
export function checkLabel(where: string, value: unknown, problemType: ProblemType): Label {
  if (problemType === 'regression') {
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw labelError(where, 'a finite number (regression)', value, 'pass the score as a number')
  }
  if (problemType === 'multi-label') {
    const names = Array.isArray(value) ? (value as unknown[]) : undefined
    if (names?.every((name): name is string => typeof name === 'string' && name.trim() !== '')) {
      if (new Set(names).size === names.length) return names
      throw labelError(where, 'each name once', value, 'remove the repeated one')
    }
    throw labelError(where, 'an array of names (multi-label)', value, 'pass the names that apply, [] where none does')
  }
  if (typeof value === 'string' && value.trim() !== '') return value
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw labelError(where, 'a name or an index from 0', value, "pass a class; for scores set problemType: 'regression'")
}

/** Refuses examples with a pair among examples without. */
export function checkPairing(where: string, before: readonly TextInput[], input: TextInput): void {
  const first = before[0]
  if (first === undefined || (first.pair === undefined) === (input.pair === undefined)) return
  const [with_, without] = input.pair === undefined ? [0, before.length] : [before.length, 0]
  throw new DataError(
    'DATA_PAIR',
    `${where}: expected a pair in all examples or in none, got one at ${with_} and none at ${without}; make them alike`,
    { where, index: before.length },
  )
}

function labelError(where: string, expected: string, value: unknown, advice: string): DataError {
  return new DataError('DATA_LABEL', `${where}: expected label to be ${expected}, got ${show(value)}; ${advice}`, {
    where,
    label: value,
  })
}

/** A value as an error shows it. */
export function show(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** Whether a value is an object with names, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
