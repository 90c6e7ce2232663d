import { FormatError } from '../errors.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { readLines, withoutReturn } from './lines.ts'

/** One object of a JSON Lines file and its line. */
export interface JsonRow {
  line: number
  value: Record<string, unknown>
}

/**
 * The objects of a JSON Lines file, one a line; lines of white space are passed over.
 *
 * @throws FormatError with file and line where a line is no JSON object.
 */
export async function* readJsonl(source: DataSource): AsyncGenerator<JsonRow> {
  const name = sourceName(source)
  for await (const { number, text } of readLines(source)) {
    if (text.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(withoutReturn(text))
    } catch (error) {
      const whole = number === 1 && text.startsWith('[')
      throw new FormatError(
        'DATA_JSON',
        whole
          ? `${name}:1: expected one JSON object a line, got the start of a JSON array; write each element on a line of its own`
          : `${name}:${number}: expected a JSON object, got ${JSON.stringify(text.slice(0, 60))} (${(error as Error).message}); mend the line`,
        { file: name, line: number },
        { cause: error },
      )
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
      throw new FormatError(
        'DATA_JSON',
        `${name}:${number}: expected a JSON object, got ${kind}; write one object a line`,
        { file: name, line: number },
      )
    }
    yield { line: number, value: value as Record<string, unknown> }
  }
}
