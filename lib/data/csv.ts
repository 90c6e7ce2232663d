import { pipeline, Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { FormatError } from '../errors.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { type LineReading, readLines } from './lines.ts'
import { type Row, withoutTrailingBlanks } from './rows.ts'

/** What separates the fields. */
export interface CsvOptions extends LineReading {
  /** One character: `,` unless told; a tab for quoted tsv. */
  delimiter?: string | undefined
}

const largestRecord = 64 * 1024 * 1024 // characters; a quote that is never closed must not read on for ever

/**
 * The rows of a csv file by RFC 4180: fields may be quoted, and hold delimiters, doubled quotes and line ends then. Lines
 * end in `\n` or `\r\n`. `line` is the physical line on which a row begins. The header is the first row.
 *
 * @throws FormatError with file and line where the quoting is broken or the file is no UTF-8 text.
 */
export function readCsv(source: DataSource, options: CsvOptions = {}): AsyncGenerator<Row> {
  return withoutTrailingBlanks(parseRecords(source, options))
}

async function* parseRecords(source: DataSource, options: CsvOptions): AsyncGenerator<Row> {
  const name = sourceName(source)
  const parser = parse({
    delimiter: options.delimiter ?? ',',
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true, // the reader of the rows knows the columns and says which row is ragged
    raw: true,
    info: true,
    max_record_size: largestRecord,
  })
  pipeline(Readable.from(lineTexts(source, options)), parser, () => {})
  let line = 1 + (options.from?.line ?? 0)
  try {
    for await (const { record, raw } of parser as AsyncIterable<{ record: string[]; raw: string }>) {
      yield { line, fields: record }
      // csv-parse's own line count takes a `\r\n` inside quotes for two lines. `raw` ends in one character of its line end.
      line += raw.slice(0, -1).split('\n').length
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new FormatError(
      'DATA_CSV',
      `${name}:${line}: expected csv, got a row with broken quoting (${reason(error)}); double the quotes inside a quoted field`,
      { file: name, line },
      { cause: error },
    )
  }
}

async function* lineTexts(source: DataSource, reading: LineReading): AsyncGenerator<string> {
  for await (const { text } of readLines(source, reading)) yield `${text}\n`
}

function reason(error: CsvError): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote that is never closed'
  if (error.code === 'INVALID_OPENING_QUOTE') return 'a quote inside a field that is not quoted'
  if (error.code === 'CSV_INVALID_CLOSING_QUOTE') return 'text after a closing quote'
  return error.message
}
