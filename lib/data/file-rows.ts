import { statSync } from 'node:fs'
import { extname } from 'node:path'
import { ConfigError, FormatError } from '../errors.ts'
import { readArrow } from './arrow.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { type ConllOptions, readConll } from './conll.ts'
import { readCsv } from './csv.ts'
import { readJsonl } from './jsonl.ts'
import { readParquet } from './parquet.ts'
import type { LineReading } from './lines.ts'
import { type NamedRow, raggedRow } from './rows.ts'
import { readTsv } from './tsv.ts'

/** All there are. */
export const fileFormats = ['jsonl', 'csv', 'tsv', 'conll', 'parquet', 'arrow'] as const

export type FileFormat = (typeof fileFormats)[number]

/** How a file is taken apart. */
export interface FormatOptions extends ConllOptions {
  /**
   * Told by the file's name (`.jsonl`, `.csv`, `.tsv`, `.conll`, each also with `.gz`; `.parquet`, `.arrow`) unless given; a
   * folder is taken for one that Hugging Face's `datasets` saved (`arrow`).
   */
  format?: FileFormat | undefined
  /** Column names of a csv or tsv file that has no header line. */
  columns?: readonly string[] | undefined
  /** Character between the fields of a csv file; `,` unless given. */
  delimiter?: string | undefined
  /** Whether `"` encloses fields: csv yes and tsv no, unless given. */
  quoting?: boolean | undefined
}

/**
 * The rows of a file; of a conll file its sentences. For csv and tsv the column names come first, as every row has them.
 * `from` of parquet and arrow counts rows as lines.
 */
export async function* readFileRows(
  source: DataSource,
  format: FileFormat,
  options: FormatOptions,
): AsyncGenerator<NamedRow> {
  if (format === 'jsonl') yield* readJsonl(source, options)
  else if (format === 'conll') yield* readConll(source, options)
  else if (format === 'parquet') yield* readParquet(source, options.from?.line)
  else if (format === 'arrow') yield* readArrow(source, options.from?.line)
  else yield* nameFields(source, format, options)
}

/** The format of a file: as given, or told by its name; that of a folder. */
export function formatOfSource(source: DataSource, options: FormatOptions): FileFormat {
  if (options.format !== undefined) return options.format
  if (typeof source === 'string' && statSync(source, { throwIfNoEntry: false })?.isDirectory()) return 'arrow'
  return formatOf(sourceName(source))
}

async function* nameFields(
  source: DataSource,
  format: 'csv' | 'tsv',
  options: FormatOptions,
): AsyncGenerator<NamedRow> {
  const file = sourceName(source)
  const quoting = options.quoting ?? format === 'csv'
  const delimiter = options.delimiter ?? (format === 'csv' ? ',' : '\t')
  if (!quoting && delimiter !== '\t') {
    throw new ConfigError(
      'DATA_QUOTING',
      `${file}: expected quoting with the delimiter '${delimiter}', got none; leave quoting on`,
      {
        key: 'quoting',
      },
    )
  }
  const read = ({ from, onLine }: LineReading) =>
    quoting ? readCsv(source, { delimiter, from, onLine }) : readTsv(source, { from, onLine })
  let names = options.columns
  if (names === undefined && (options.from?.offset ?? 0) > 0) {
    // Whoever begins further down still needs the first line.
    for await (const { fields } of read({})) {
      names = fields.map(name => name.trim())
      break
    }
  }
  for await (const row of read(options)) {
    if (names === undefined) {
      names = row.fields.map(name => name.trim())
      checkHeader(file, row.line, names, delimiter)
    } else if (row.fields.length !== names.length) {
      yield { line: row.line, error: raggedRow(file, row, `${names.length} fields (${names.join(', ')})`) }
    } else {
      yield { line: row.line, values: Object.fromEntries(names.map((name, i) => [name, row.fields[i]])) }
    }
  }
}

/** Refuses repeated names, and a single one that looks like several. */
function checkHeader(file: string, line: number, names: readonly string[], delimiter: string): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) {
    throw new FormatError(
      'DATA_COLUMNS',
      `${file}:${line}: expected different column names, got '${repeated}' twice; rename one`,
      { file, line, columns: names },
    )
  }
  const other = [';', '\t', ',', '|'].find(mark => mark !== delimiter && names[0]!.includes(mark))
  if (names.length > 1 || other === undefined) return
  throw new FormatError(
    'DATA_DELIMITER',
    `${file}:${line}: expected columns separated by ${JSON.stringify(delimiter)}, got one column ${JSON.stringify(names[0])}; ` +
      `give delimiter: ${JSON.stringify(other)} and format: 'csv' where that separates them`,
    { file, line },
  )
}

const formats: readonly (readonly [readonly string[], FileFormat])[] = [
  [['.jsonl', '.ndjson'], 'jsonl'],
  [['.csv'], 'csv'],
  [['.tsv'], 'tsv'],
  [['.conll', '.conllu', '.bio', '.iob', '.iob2'], 'conll'],
  [['.parquet'], 'parquet'],
  [['.arrow'], 'arrow'],
]

/**
 * The format that a file's name tells.
 *
 * @throws FormatError for unknown ones.
 */
export function formatOf(path: string): FileFormat {
  const extension = extname(path.replace(/\.gz$/i, '')).toLowerCase()
  const format = formats.find(([endings]) => endings.includes(extension))?.[1]
  if (format !== undefined) return format
  throw new FormatError(
    'DATA_FORMAT',
    `${path}: expected a file named .jsonl, .csv, .tsv or .conll (or with .gz after it), .parquet or .arrow, or a saved data set, ` +
      `got '${extension || 'no ending'}'; rename it or give format`,
    { file: path, extension },
  )
}
