import type { DataSource } from '../data/bytes.ts'
import { type FileFormat, type FormatOptions, formatOfSource, readFileRows } from '../data/file-rows.ts'
import { readLines, withoutReturn } from '../data/lines.ts'
import { type LoadFileOptions, readInputs as readRows } from '../data/load-file.ts'
import { checkText } from '../data/examples.ts'
import { checkTokens } from '../data/token-row.ts'
import { FormatError } from '../errors.ts'
import type { PredictInput } from '../train/types.ts'

/** `text` is one text a line. */
export type InputFormat = FileFormat | 'text' | 'auto'

/**
 * The inputs of `predict`, in order and read no faster than they are taken.
 *
 * @param file - Path, or `-` for standard input.
 * @param format - `auto` goes by the file's name; standard input is jsonl where it begins with `{`, else text.
 * @throws FormatError or DataError with file and line.
 */
export async function* readInputs(
  file: string,
  format: InputFormat,
  { task, ...options }: Omit<LoadFileOptions, 'format' | 'task'> & { task?: string },
): AsyncGenerator<PredictInput> {
  let source: DataSource = file
  let chosen = format === 'auto' && file !== '-' ? formatByName(file) : format
  if (file === '-') {
    const [head, bytes] = await peek(process.stdin)
    source = { name: 'stdin', bytes }
    if (chosen === 'auto') chosen = /^(\ufeff)?\s*\{/.test(head) ? 'jsonl' : 'text'
  }
  if (chosen === 'text') yield* readTexts(source, file === '-' ? 'stdin' : file)
  else if (task === 'token-classification' && chosen !== 'auto' && chosen !== 'csv' && chosen !== 'tsv')
    yield* readSentences(source, file === '-' ? 'stdin' : file, chosen, options)
  else if (chosen !== 'auto') yield* readRows(source, { ...options, format: chosen })
}

function formatByName(file: string): InputFormat {
  return /\.(txt|text)(\.gz)?$/i.test(file) ? 'text' : formatOfSource(file, {})
}

/** Sentences of words; a row may hold a text in their place, and rows of csv and tsv always do. */
async function* readSentences(
  source: DataSource,
  name: string,
  format: FileFormat,
  options: FormatOptions & { textColumn?: string | undefined },
): AsyncGenerator<PredictInput> {
  const column = format === 'conll' ? 'tokens' : (options.textColumn ?? 'tokens')
  for await (const row of readFileRows(source, format, options)) {
    if ('error' in row) throw row.error
    const where = `${name}:${row.line}`
    const given = row.values[column]
    if (given === undefined && row.values.text !== undefined) yield { text: checkText(where, row.values.text) }
    else if (typeof given === 'string') yield { text: checkText(where, given) }
    else yield { tokens: checkTokens(where, given, column) }
  }
}

/** An empty line is refused: passing it over would shift the answers. */
async function* readTexts(source: DataSource, name: string): AsyncGenerator<string> {
  for await (const { number, text } of readLines(source)) {
    if (text.trim() === '') {
      const message = `${name}:${number}: expected a text, got an empty line; remove it`
      throw new FormatError('EMPTY_TEXT', message, { file: name, line: number })
    }
    yield withoutReturn(text)
  }
}

/** The beginning of a stream, and all of it. */
async function peek(stream: AsyncIterable<Uint8Array>): Promise<[string, AsyncIterable<Uint8Array>]> {
  const iterator = stream[Symbol.asyncIterator]()
  const first = await iterator.next()
  const whole = async function* () {
    if (first.done !== true) yield first.value
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  const head = first.done === true ? '' : Buffer.from(first.value.subarray(0, 64)).toString('utf8')
  return [head, whole()]
}
