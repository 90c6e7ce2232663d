import { FormatError } from '../errors.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { type LineReading, readLines, withoutReturn } from './lines.ts'
import type { NamedRow } from './rows.ts'

/**
 * The objects of a JSON Lines file, one a line; lines of white space are passed over. A line that is no JSON object is
 * an error in its place, so that the reader can name several of them.
 *
 * @throws FormatError where the file is no UTF-8 text, or one JSON array instead of lines.
 */
export async function* readJsonl(source: DataSource, reading: LineReading = {}): AsyncGenerator<NamedRow> {
  const name = sourceName(source)
  for await (const { number, text } of readLines(source, reading)) {
    if (text.trim() === '') continue
    const expected = `${name}:${number}: expected a JSON object, got`
    const fault = (got: string, cause?: unknown) => {
      return new FormatError(
        'DATA_JSON',
        `${expected} ${got}`,
        { file: name, line: number },
        cause === undefined ? {} : { cause },
      )
    }
    if (number === 1 && text.startsWith('['))
      throw fault('the start of an array; write each element on a line of its own')
    let value: unknown
    try {
      value = JSON.parse(withoutReturn(text))
    } catch (error) {
      yield {
        line: number,
        error: fault(`${JSON.stringify(text.slice(0, 60))} (${(error as Error).message}); mend the line`, error),
      }
      continue
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      yield { line: number, values: value as Record<string, unknown> }
    } else {
      const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
      yield { line: number, error: fault(`${kind}; write one object a line`) }
    }
  }
}
