import { type BidoraError, ConfigError, DataError, FormatError } from '../errors.ts'
import type { ProblemType } from '../metrics/task-metrics.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { type Columns, findColumns, type LabelKind, type NamedColumns } from './columns.ts'
import { type ExampleOf, type Task, tasks } from './examples.ts'
import { type FileFormat, type FormatOptions, formatOfSource, readFileRows } from './file-rows.ts'
import { takeGeneration } from './generation-row.ts'
import { type LabelSet, labelSet } from './labels.ts'
import { type TagReading, readTags } from './tag-reading.ts'
import { takeText } from './text-row.ts'
import { takeTokens } from './token-row.ts'

/** How a file's rows become examples. */
export interface FileOptions extends NamedColumns, FormatOptions, TagReading {
  /** What the labels of texts are; one class a row unless given. */
  problemType?: ProblemType | undefined
  /** The only label names allowed, in their order; any where not given. */
  labels?: readonly string[] | undefined
  /** Between the names of a multi-label cell in csv and tsv; `,` unless given. */
  labelSeparator?: string | undefined
}

/** What readers tell each other, and no user. */
export type InnerOption = 'from' | 'onLine' | 'onScheme'

/** A row of the file as an example, or what is wrong with it. */
export type Outcome<E> = { line: number; row: E } | { line: number; error: BidoraError }

/** What a row is made an example with. `cells`: values are the text of csv or tsv cells. */
export interface RowReading {
  columns: Columns
  problemType: ProblemType
  set: LabelSet | undefined
  cells: boolean
  labelSeparator: string
}

type TakeRow<T extends Task> = (
  where: string,
  values: Readonly<Record<string, unknown>>,
  reading: RowReading,
) => ExampleOf[T]

const takeRow: { [T in Task]: TakeRow<T> } = {
  'text-classification': takeText,
  'token-classification': takeTokens,
  'text-generation': takeGeneration,
}

/**
 * The examples of a file, one by one; a row that cannot be read is an error in its place. Where no label is asked for, an
 * example has none.
 *
 * @throws ConfigError for an unknown task, FormatError where the file is not of its format or lacks a column.
 */
export function readExamples<T extends Task>(
  source: DataSource,
  task: T,
  options: FileOptions,
  labelled: boolean,
): AsyncGenerator<Outcome<ExampleOf[T]>> {
  const file = sourceName(source)
  const format = formatOfSource(source, options)
  checkTask(file, task, format)
  const outcomes = readOutcomes(source, task, format, options, labelled)
  if (task !== 'token-classification' || !labelled) return outcomes
  type Tagged = Outcome<ExampleOf['token-classification']>
  return readTags(file, outcomes as AsyncGenerator<Tagged>, options) as AsyncGenerator<Outcome<ExampleOf[T]>>
}

async function* readOutcomes<T extends Task>(
  source: DataSource,
  task: T,
  format: FileFormat,
  options: FileOptions,
  labelled: boolean,
): AsyncGenerator<Outcome<ExampleOf[T]>> {
  const file = sourceName(source)
  const problemType = options.problemType ?? 'single-label'
  const kind: LabelKind = task === 'text-classification' ? problemType : task
  const set = options.labels === undefined ? undefined : labelSet(options.labels)
  const cells = format === 'csv' || format === 'tsv'
  // The reader of columns has named them already.
  const named = format === 'conll' ? {} : options
  let columns: Columns | undefined
  let names: string[] | undefined
  if (format === 'jsonl' && (options.from?.offset ?? 0) > 0) {
    // Whoever begins further down still goes by the first row: the one there may be a bad one.
    for await (const row of readFileRows(source, format, { ...options, from: undefined, onLine: undefined })) {
      if ('error' in row) continue
      names = Object.keys(row.values)
      columns = findColumns(`${file}:${row.line}`, names, named, kind, labelled)
      break
    }
  }
  for await (const row of readFileRows(source, format, options)) {
    const { line } = row
    if ('error' in row) {
      yield row
      continue
    }
    const where = `${file}:${line}`
    const given = Object.keys(row.values)
    columns ??= findColumns(cells ? file : where, given, named, kind, labelled)
    try {
      // Rows of jsonl may differ in their keys: a pair that only some rows have must not go by unseen.
      if (names !== undefined && !sameNames(names, given)) {
        const found = findColumns(where, given, named, kind, labelled)
        if (task === 'text-generation') columns = found
        else checkColumns(where, columns, found)
      }
      names = given
      const reading = { columns, problemType, set, cells, labelSeparator: options.labelSeparator ?? ',' }
      yield { line, row: takeRow[task](where, row.values, reading) }
    } catch (error) {
      if (!(error instanceof DataError || error instanceof FormatError)) throw error
      Object.assign(error.details, { file, line })
      yield { line, error }
    }
  }
}

function sameNames(before: readonly string[], names: readonly string[]): boolean {
  return before.length === names.length && names.every((name, i) => name === before[i])
}

function checkColumns(where: string, first: Columns, found: Columns): void {
  const list = ({ text, pair, label }: Columns) => [text, pair, label].filter(name => name !== undefined).join(', ')
  if (list(first) === list(found)) return
  throw new FormatError(
    'DATA_COLUMNS',
    `${where}: expected the columns ${list(first)} as in the first row, got ${list(found)}; give all rows the same`,
    { expected: first, got: found },
  )
}

function checkTask(file: string, task: Task, format: FileFormat): void {
  if (!tasks.includes(task)) {
    throw new ConfigError(
      'DATA_TASK',
      `${file}: expected task to be one of ${tasks.join(', ')}, got '${String(task)}'; name the task that the file is for`,
      { key: 'task', allowed: tasks },
    )
  }
  const fits = task === 'token-classification' ? format !== 'csv' && format !== 'tsv' : format !== 'conll'
  if (fits) return
  throw new ConfigError(
    'DATA_TASK',
    task === 'token-classification'
      ? `${file}: expected a conll, jsonl, parquet or arrow file for ${task}, got ${format}; give format: 'conll' where it has a token a line, or write lists of tokens and labels as jsonl`
      : `${file}: expected a file of texts for ${task}, got conll; conll is for token-classification`,
    { key: 'task', format },
  )
}
