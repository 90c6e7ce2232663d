import { ConfigError } from '../errors.ts'
import type { ProblemType } from '../metrics/task-metrics.ts'
import type { FileOptions, InnerOption } from './file-examples.ts'
import type { FileFormat } from './file-rows.ts'
import type { LoadFileOptions } from './load-file.ts'
import { hint } from './nearest.ts'
import type { StreamOptions } from './stream-files.ts'

type Names<Options> = { readonly [key in keyof Required<Options>]: true }
/** Settings that decide what a file's rows are, whoever reads them. */
export type ReadingOptions = Omit<FileOptions, InnerOption> & Pick<LoadFileOptions, 'malformed'>

// Records and no lists: the compiler sees where a name is missing.
const reading: Names<ReadingOptions> = {
  format: true,
  columns: true,
  delimiter: true,
  quoting: true,
  comment: true,
  textColumn: true,
  pairColumn: true,
  labelColumn: true,
  problemType: true,
  labels: true,
  labelSeparator: true,
  scheme: true,
  invalidTags: true,
  malformed: true,
}
const loading: Names<LoadFileOptions> = { ...reading, task: true, onWarning: true }
const streaming: Names<StreamOptions> = { ...loading, seed: true, shuffleBuffer: true, state: true, signal: true }
const formats: Readonly<Record<FileFormat, true>> = {
  jsonl: true,
  csv: true,
  tsv: true,
  conll: true,
  parquet: true,
  arrow: true,
}
const problemTypes: Readonly<Record<ProblemType, true>> = {
  'single-label': true,
  'multi-label': true,
  regression: true,
}

/** Names of the settings that decide what a file's rows are. */
export const readingOptions = Object.keys(reading) as readonly (keyof ReadingOptions)[]

const allowed: Readonly<Record<string, readonly string[]>> = {
  format: Object.keys(formats),
  problemType: Object.keys(problemTypes),
  malformed: ['error', 'skip'],
  invalidTags: ['repair', 'error'],
}

/**
 * Checks what a user says of a file, before it is read.
 *
 * @param where what errors call the place: the file, or the function.
 * @throws ConfigError for an option that is unknown, and for a value that is none of those allowed.
 */
export function checkFileOptions(where: string, options: object, use: 'load' | 'stream'): void {
  const known = Object.keys(use === 'load' ? loading : streaming)
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) {
      throw new ConfigError(
        'DATA_OPTION',
        `${where}: expected an option of ${known.join(', ')}, got '${key}'${hint(key, known)}; use one of these`,
        { key, allowed: known },
      )
    }
    const values = Object.hasOwn(allowed, key) ? allowed[key]! : undefined
    if (value === undefined || values === undefined || values.includes(value as string)) continue
    throw new ConfigError(
      'DATA_OPTION',
      `${where}: expected ${key} to be one of ${values.join(', ')}, got ${JSON.stringify(value) ?? String(value)}` +
        `${typeof value === 'string' ? hint(value, values) : ''}; pass one of these`,
      { key, allowed: values },
    )
  }
}
