import { ConfigError } from '../errors.ts'
import type { AnyDataset, Dataset, DatasetEntry } from './dataset.ts'
import { e2eEntry } from './e2e.ts'
import type { Task } from './examples.ts'
import { glueEntries } from './glue.ts'
import { hint } from './nearest.ts'
import { reutersEntries } from './reuters.ts'
import { spamassassinEntry } from './spamassassin.ts'
import { tokenEntries } from './token-datasets.ts'

/** Every data set that can be loaded by name: one line each. */
const entries = [
  spamassassinEntry,
  ...glueEntries,
  ...tokenEntries,
  e2eEntry,
  ...reutersEntries,
] as const satisfies readonly DatasetEntry[]

type Entry = (typeof entries)[number]

/** The names of the data sets of one task. */
export type DatasetName<T extends Task = Task> = Extract<Entry, { task: T }>['name']

/** The data set that a name stands for; a name that is known only when the program runs may be of any task. */
export type DatasetNamed<N extends string> = {
  [T in Task]: N extends DatasetName<T> ? Dataset<T> : never
}[Task] extends infer D
  ? [D] extends [never]
    ? AnyDataset
    : D
  : never

export const datasetNames: readonly string[] = entries.map(entry => entry.name)

/**
 * A data set by its name.
 *
 * @throws ConfigError with the known names, where it is unknown.
 */
export function findDataset(name: string): DatasetEntry {
  const entry = entries.find(each => each.name === name) as DatasetEntry | undefined
  if (entry !== undefined) return entry
  throw new ConfigError(
    'DATA_NAME',
    `data set: expected one of ${datasetNames.join(', ')}, got '${name}'${hint(name, datasetNames)}; use one of these or files of your own`,
    { name, allowed: datasetNames },
  )
}
