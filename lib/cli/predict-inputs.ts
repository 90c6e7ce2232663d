import type { DataSource } from '../data/bytes.ts'
import { type FileFormat, formatOfSource } from '../data/file-rows.ts'
import { readLines, withoutReturn } from '../data/lines.ts'
import { type LoadFileOptions, readInputs as readRows } from '../data/load-file.ts'
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
  options: Omit<LoadFileOptions, 'format'>,
): AsyncGenerator<PredictInput> {
  let source: DataSource = file
  let chosen = format === 'auto' && file !== '-' ? formatByName(file) : format
  if (file === '-') {
    const [head, bytes] = await peek(process.stdin)
    source = { name: 'stdin', bytes }
    if (chosen === 'auto') chosen = /^(\ufeff)?\s*\{/.test(head) ? 'jsonl' : 'text'
  }
  if (chosen === 'text') yield* readTexts(source, file === '-' ? 'stdin' : file)
  else if (chosen !== 'auto') yield* readRows(source, { ...options, format: chosen })
}

function formatByName(file: string): InputFormat {
  return /\.(txt|text)(\.gz)?$/i.test(file) ? 'text' : formatOfSource(file, {})
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
