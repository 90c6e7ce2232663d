import { type BidoraError, ConfigError, DataError, FormatError } from '../errors.ts'
import type { ProblemType } from '../metrics/task-metrics.ts'
import { type DataSource, sourceName } from './bytes.ts'
import { type Columns, findColumns, type NamedColumns } from './columns.ts'
import { checkLabel, checkText, type Example, type Label, type TextInput } from './examples.ts'
import { type FormatOptions, formatOf, readFileRows } from './file-rows.ts'
import { firstUnknown, type LabelSet, labelSet, unknownLabel } from './labels.ts'
import { parseScore } from './score.ts'

/** How a user's file is read. */
export interface LoadFileOptions extends NamedColumns, FormatOptions {
  /** `text-classification` (the other tasks come later). */
  task?: string | undefined
  /** What the labels are; one class a row unless given. */
  problemType?: ProblemType | undefined
  /** The only label names allowed, in their order; any where not given. */
  labels?: readonly string[] | undefined
  /** Between the names of a multi-label cell in csv and tsv; `,` unless given. */
  labelSeparator?: string | undefined
  /** `skip` leaves bad rows out with a warning each; otherwise they are an error. */
  malformed?: 'error' | 'skip' | undefined
  onWarning?: ((warning: string) => void) | undefined
}

/** A row of the file as an example, or what is wrong with it. */
type Outcome<T> = { line: number; row: T } | { line: number; error: BidoraError }

/**
 * Reads labelled examples from a jsonl, csv or tsv file (gzipped or not). Columns are found by their usual names (text,
 * sentence1 and sentence2, question1 and question2, ...; label, score, ...) or named. Texts are kept as they stand in the
 * file, spaces included; label names of csv and tsv lose the spaces around them.
 *
 * @example
 * const examples = await loadFile('train.csv', { labels: ['ham', 'spam'] })
 * @throws FormatError or DataError naming file and line of the first bad row, and the lines of up to ten more.
 */
export async function loadFile(source: DataSource, options: LoadFileOptions = {}): Promise<Example[]> {
  const file = sourceName(source)
  checkTask(file, options)
  const examples: Example[] = []
  const problems: { line: number; error: BidoraError }[] = []
  for await (const outcome of readOutcomes(source, options, true)) {
    if ('row' in outcome) examples.push(outcome.row as Example)
    else if (options.malformed === 'skip') options.onWarning?.(`${outcome.error.message} [skipped]`)
    else if (problems.push(outcome) > 10) break
  }
  if (problems.length > 0) throw together(problems)
  if (examples.length === 0) throw noRows(file)
  return examples
}

/**
 * Reads texts to predict for, one by one and in order, from a file with or without labels.
 *
 * @throws FormatError or DataError naming file and line of the first bad row.
 */
export async function* readInputs(source: DataSource, options: LoadFileOptions = {}): AsyncGenerator<TextInput> {
  checkTask(sourceName(source), options)
  for await (const outcome of readOutcomes(source, options, false)) {
    if ('error' in outcome) throw outcome.error
    yield outcome.row
  }
}

async function* readOutcomes(
  source: DataSource,
  options: LoadFileOptions,
  labelled: boolean,
): AsyncGenerator<Outcome<TextInput>> {
  const file = sourceName(source)
  const problemType = options.problemType ?? 'single-label'
  const set = options.labels === undefined ? undefined : labelSet(options.labels)
  const text = (options.format ?? formatOf(file)) !== 'jsonl'
  let columns: Columns | undefined
  let names: string[] | undefined
  for await (const row of readFileRows(source, options)) {
    const { line } = row
    if ('error' in row) {
      yield row
      continue
    }
    const where = `${file}:${line}`
    const given = Object.keys(row.values)
    columns ??= findColumns(text ? file : where, given, options, problemType, labelled)
    try {
      // Rows of jsonl may differ in their keys: a pair that only some rows have must not go by unseen.
      if (names !== undefined && !sameNames(names, given)) {
        checkColumns(where, columns, findColumns(where, given, options, problemType, labelled))
      }
      names = given
      const input = takeTexts(where, row.values, columns)
      if (columns.label === undefined) yield { line, row: input }
      else {
        const value = row.values[columns.label]
        const told = text ? fromCell(where, value as string, problemType, options) : fromJson(value)
        const label = checkLabel(where, told, problemType)
        if (set !== undefined && problemType !== 'regression') refuseUnknown(where, label, set)
        yield { line, row: { ...input, label } as Example }
      }
    } catch (error) {
      if (!(error instanceof DataError || error instanceof FormatError)) throw error
      Object.assign(error.details, { file, line })
      yield { line, error }
    }
  }
}

function takeTexts(where: string, values: Record<string, unknown>, columns: Columns): TextInput {
  const input: TextInput = { text: checkText(where, values[columns.text], columns.text) }
  if (columns.pair !== undefined) input.pair = checkText(where, values[columns.pair], columns.pair)
  return input
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

/** True and false are names too: `{"label": true}`. */
function fromJson(value: unknown): unknown {
  return typeof value === 'boolean' ? String(value) : value
}

/** What a csv or tsv cell says, as the value that jsonl would hold. */
function fromCell(where: string, cell: string, problemType: ProblemType, options: LoadFileOptions): unknown {
  const trimmed = cell.trim()
  if (problemType === 'multi-label') {
    return trimmed === '' ? [] : trimmed.split(options.labelSeparator ?? ',').map(name => name.trim())
  }
  return problemType === 'regression' ? parseScore(where, trimmed) : trimmed
}

function refuseUnknown(where: string, label: Label, set: LabelSet): void {
  const unknown = firstUnknown(set, label)
  if (unknown !== undefined) throw unknownLabel(where, unknown, set)
}

function checkTask(file: string, options: LoadFileOptions): void {
  if (options.task === undefined || options.task === 'text-classification') return
  throw new ConfigError(
    'DATA_TASK',
    `${file}: expected task text-classification, got '${options.task}', whose files come in a later version; use text-classification`,
    { key: 'task', allowed: ['text-classification'] },
  )
}

/** The first problem, with the lines of the others. */
function together(problems: readonly { line: number; error: BidoraError }[]): BidoraError {
  const [first, ...others] = problems as [
    { line: number; error: BidoraError },
    ...{ line: number; error: BidoraError }[],
  ]
  if (others.length === 0) return first.error
  const lines =
    others
      .slice(0, 9)
      .map(({ line }) => line)
      .join(', ') + (others.length > 9 ? ', ...' : '')
  const message = `${first.error.message} (also wrong: line ${lines})`
  const details = { ...first.error.details, problems: problems.map(({ error }) => error.message) }
  return first.error instanceof FormatError
    ? new FormatError(first.error.code, message, details)
    : new DataError(first.error.code, message, details)
}

function noRows(file: string): DataError {
  return new DataError('DATA_EMPTY', `${file}: expected rows with data, got none; check the file`, { file })
}
