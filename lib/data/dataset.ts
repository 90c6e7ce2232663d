import { DataError } from '../errors.ts'
import type { MetricName, ProblemType } from '../metrics/task-metrics.ts'
import type { Example } from './examples.ts'

/** The parts of a data set: `validation` is the official development part, `test` is there where it has labels. */
export type PartName = 'train' | 'validation' | 'test'

/** What is known of a data set beside its rows. */
export interface DatasetInfo {
  name: string
  task: 'text-classification'
  problemType: ProblemType
  /** Label names in official order (the order of the indices); undefined for regression. */
  labels: readonly string[] | undefined
  /** Whether every example has a `pair`. */
  pair: boolean
  /** The scores it is reported by, the main one first. */
  metrics: readonly MetricName[]
  /** True where parts are missing or hold fewer rows than the official ones. */
  partial: boolean
  /** What a user should know before trusting the numbers: missing parts, rows left out. */
  warnings: readonly string[]
  /** How the rows were made, where that took more than reading. */
  notes: readonly string[]
  folder: string
  /** The file that would hold each part that is not there. */
  missing: Readonly<Partial<Record<PartName, string>>>
}

/** A data set in memory. A part that is not there is undefined. */
export interface Dataset {
  train: Example[] | undefined
  validation: Example[] | undefined
  test: Example[] | undefined
  /** MNLI only: the development part of other genres than the training part's. */
  validationMismatched?: Example[] | undefined
  info: DatasetInfo
}

/** What to do with rows that are not as they should be. */
export interface DatasetOptions {
  /**
   * `skip` (as it is unless given) leaves them out with a warning that names the line, as long as they are few;
   * `error` refuses the first.
   */
  malformed?: 'error' | 'skip' | undefined
}

/** A data set that can be loaded by name. */
export interface DatasetEntry {
  name: string
  load(dir: string, options: DatasetOptions): Promise<Dataset>
}

/**
 * A part of a data set that has to be there.
 *
 * @throws DataError naming the file that is missing.
 */
export function requirePart(dataset: Dataset, part: PartName): Example[] {
  const examples = dataset[part]
  if (examples !== undefined) return examples
  const { name, folder, missing } = dataset.info
  const file = missing[part]
  throw new DataError(
    'DATA_PART',
    file === undefined
      ? `${name}: expected a ${part} part, got a data set that has none; use another part`
      : `${name}: expected a ${part} part, got none in ${folder}; put ${file} there`,
    { name, part, folder, file },
  )
}
