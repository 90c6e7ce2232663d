import type { DataSource } from './bytes.ts'
import { type LineReading, readLines, withoutReturn } from './lines.ts'
import { type Row, withoutTrailingBlanks } from './rows.ts'

/**
 * The rows of a tab-separated file without quoting, as GLUE's are: `"` is an ordinary character, a row is a line, and
 * fields are kept to the byte (spaces at their ends too). The header, if there is one, is the first row.
 *
 * @throws FormatError with file and line where the file is no UTF-8 text.
 */
export function readTsv(source: DataSource, reading: LineReading = {}): AsyncGenerator<Row> {
  return withoutTrailingBlanks(splitLines(source, reading))
}

async function* splitLines(source: DataSource, reading: LineReading): AsyncGenerator<Row> {
  for await (const { number, text } of readLines(source, reading))
    yield { line: number, fields: withoutReturn(text).split('\t') }
}
