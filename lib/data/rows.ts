import { FormatError } from '../errors.ts'

/** One row of a delimited file and the line it begins at. */
export interface Row {
  line: number
  fields: string[]
}

/** One row by column name, and its line. A row that cannot be read is an error in its place. */
export type NamedRow = { line: number; values: Record<string, unknown> } | { line: number; error: FormatError }

/** Leaves out empty rows at the end of a file; one between other rows is passed on and refused as ragged or empty. */
export async function* withoutTrailingBlanks(rows: AsyncIterable<Row>): AsyncGenerator<Row> {
  let held: Row[] = []
  for await (const row of rows) {
    if (row.fields.length === 1 && row.fields[0] === '') held.push(row)
    else {
      yield* held
      held = []
      yield row
    }
  }
}

/** The error of a row with another number of fields than the columns ask for. */
export function raggedRow(file: string, row: Row, expected: string): FormatError {
  const preview = row.fields.join(' | ')
  return new FormatError(
    'DATA_RAGGED',
    `${file}:${row.line}: expected ${expected}, got ${row.fields.length} (${JSON.stringify(preview.slice(0, 60))}); ` +
      'mend the row or look for a missing delimiter',
    { file, line: row.line, fields: row.fields.length },
  )
}
