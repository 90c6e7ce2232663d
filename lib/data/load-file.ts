import { type BidoraError, DataError, FormatError } from '../errors.ts'
import { type DataSource, sourceName } from './bytes.ts'
import type { ExampleOf, InputOf, Task } from './examples.ts'
import { type FileOptions, type InnerOption, readExamples } from './file-examples.ts'
import { checkFileOptions } from './file-options.ts'

/** How a user's file is read. */
export interface LoadFileOptions<T extends Task = 'text-classification'> extends Omit<FileOptions, InnerOption> {
  /** What the examples are for; `text-classification` unless given. */
  task?: T | undefined
  /** `skip` leaves bad rows out with a warning each; otherwise they are an error. */
  malformed?: 'error' | 'skip' | undefined
  onWarning?: ((warning: string) => void) | undefined
}

/**
 * Reads labelled examples from a file: of texts, or of prompts and completions, from jsonl, csv and tsv; of tokens from conll
 * and jsonl (all of these gzipped or not); of each from parquet, arrow and the folders that Hugging Face's `datasets` saves.
 * Columns are found by their usual names (text, sentence1 and sentence2, question1 and question2, ...; label, score, ...;
 * tokens and labels; prompt and completion) or named. Texts are kept as they stand in the file, spaces included; label names
 * of csv and tsv lose the spaces around them; entity tags become BIO2.
 *
 * @example
 * const examples = await loadFile('train.csv', { labels: ['ham', 'spam'] })
 * const sentences = await loadFile('train.conll', { task: 'token-classification' })
 * @throws ConfigError for an option that is unknown or has a value that is not allowed; FormatError or DataError naming file
 * and line of the first bad row, and the lines of up to ten more.
 */
export async function loadFile<T extends Task = 'text-classification'>(
  source: DataSource,
  options: LoadFileOptions<T> = {},
): Promise<ExampleOf[T][]> {
  checkFileOptions(sourceName(source), options, 'load')
  const examples: ExampleOf[T][] = []
  const problems: { line: number; error: BidoraError }[] = []
  for await (const outcome of readExamples(source, taskOf(options), options, true)) {
    if ('row' in outcome) examples.push(outcome.row)
    else if (options.malformed === 'skip') options.onWarning?.(`${outcome.error.message} [skipped]`)
    else if (problems.push(outcome) > 10) break
  }
  if (problems.length > 0) throw together(problems)
  if (examples.length === 0) throw noRows(sourceName(source))
  return examples
}

/**
 * Reads texts (or tokens, or prompts) to predict for, one by one and in order, from a file with or without labels.
 *
 * @throws ConfigError as `loadFile`; FormatError or DataError naming file and line of the first bad row.
 */
export async function* readInputs<T extends Task = 'text-classification'>(
  source: DataSource,
  options: LoadFileOptions<T> = {},
): AsyncGenerator<InputOf[T]> {
  checkFileOptions(sourceName(source), options, 'load')
  for await (const outcome of readExamples(source, taskOf(options), options, false)) {
    if ('error' in outcome) throw outcome.error
    yield outcome.row as unknown as InputOf[T]
  }
}

function taskOf<T extends Task>(options: LoadFileOptions<T>): T {
  return options.task ?? ('text-classification' as T)
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

/** The error for a file without a row that can be read. */
export function noRows(file: string): DataError {
  return new DataError('DATA_EMPTY', `${file}: expected rows with data, got none; check the file`, { file })
}
