import type { DataSource } from '../data/bytes.ts'
import { type Line, readLines, withoutReturn } from '../data/lines.ts'
import { FormatError } from '../errors.ts'
import type { PredictInput } from '../train/types.ts'

/** How the lines of an input are read: each a text, each JSON, or as the file's name or the first line says. */
export type LineFormat = 'auto' | 'text' | 'jsonl'

/**
 * The inputs of `predict`, one a line, read no faster than they are taken. A line is a text, or JSON: a string or an
 * object with `text` and perhaps `pair`.
 *
 * @param file - Path, or `-` for standard input.
 * @throws FormatError with file and line. An empty line is refused: passing it over would shift the answers.
 */
export async function* readInputs(file: string, format: LineFormat): AsyncGenerator<PredictInput> {
  const source: DataSource = file === '-' ? { name: 'stdin', bytes: process.stdin } : file
  const name = file === '-' ? 'stdin' : file
  let chosen = format
  for await (const line of readLines(source)) {
    if (chosen === 'auto') chosen = guessFormat(file, line.text)
    yield chosen === 'jsonl' ? parseLine(name, line) : textOf(name, line)
  }
}

function guessFormat(file: string, line: string): LineFormat {
  if (/\.(jsonl|ndjson)(\.gz)?$/.test(file)) return 'jsonl'
  return /^\s*[{"]/.test(line) && parseJson(line) !== undefined ? 'jsonl' : 'text'
}

function textOf(file: string, { number, text }: Line): string {
  if (text.trim() === '') throw badLine(file, number, 'a text, got an empty line; remove it')
  return withoutReturn(text)
}

function parseLine(file: string, { number, text }: Line): PredictInput {
  const value = parseJson(text)
  if (isText(value)) return value
  if (typeof value === 'object' && value !== null && 'text' in value && isText(value.text)) {
    const pair = 'pair' in value ? (value.pair ?? undefined) : undefined
    if (pair === undefined) return { text: value.text }
    if (isText(pair)) return { text: value.text, pair }
  }
  const got = text.length > 60 ? `${text.slice(0, 57)}...` : text
  throw badLine(file, number, `a JSON string or { "text": ..., "pair"?: ... }, got ${JSON.stringify(got)}; mend the line`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

function badLine(file: string, line: number, expected: string): FormatError {
  return new FormatError('PREDICT_INPUT', `${file}:${line}: expected ${expected}`, { file, line })
}
