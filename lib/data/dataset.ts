import { ConfigError, DataError } from '../errors.ts'
import type { MetricName, ProblemType } from '../metrics/task-metrics.ts'
import type { ExampleOf, Task } from './examples.ts'

/**
 * The parts of a data set: `validation` is the official development part (of MNLI the matched one), `test` is there where
 * it has labels.
 */
export type PartName = 'train' | 'validation' | 'test' | 'validationMismatched'

/** What is known of a data set beside its rows. */
export interface DatasetInfo<T extends Task = 'text-classification'> {
  name: string
  task: T
  /** What the labels of texts are; undefined for the other tasks. */
  problemType: T extends 'text-classification' ? ProblemType : undefined
  /** Label names in official order (the order of the indices); undefined for regression and texts to be written. */
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
export interface Dataset<T extends Task = 'text-classification'> {
  train: ExampleOf[T][] | undefined
  validation: ExampleOf[T][] | undefined
  test: ExampleOf[T][] | undefined
  /** MNLI only: the development part of other genres than the training part's. */
  validationMismatched?: ExampleOf[T][] | undefined
  info: DatasetInfo<T>
}

/** A data set of whichever task. */
export type AnyDataset = { [T in Task]: Dataset<T> }[Task]

/** What to do with rows that are not as they should be. */
export interface DatasetOptions {
  /**
   * `skip` (as it is unless given) leaves them out with a warning that names the line, as long as they are few;
   * `error` refuses the first.
   */
  malformed?: 'error' | 'skip' | undefined
  /**
   * Reuters-21578 only. Which topics are labels: those of `training` (unless given), or those that documents of `both` parts
   * have (R90 in ModApte).
   */
  topics?: 'training' | 'both' | undefined
}

/** A data set that can be loaded by name. */
export interface DatasetEntry<T extends Task = Task> {
  name: string
  task: T
  load(dir: string, options: DatasetOptions): Promise<Dataset<T>>
}

/**
 * A data set that has to be of a task.
 *
 * @throws ConfigError where it is of another.
 */
export function requireTask<T extends Task>(dataset: AnyDataset, task: T): Dataset<T> {
  const { name, task: own } = dataset.info
  if (own === task) return dataset as Dataset<T>
  throw new ConfigError(
    'DATA_TASK',
    `${name}: expected a data set for ${task}, got one for ${own}; take a data set or a task that fits the other`,
    { key: 'task', name, task: own },
  )
}

/**
 * A part of a data set that has to be there.
 *
 * @throws DataError naming the file that is missing.
 */
export function requirePart<T extends Task>(dataset: Dataset<T>, part: PartName): ExampleOf[T][] {
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
