import { ConfigError } from '../errors.ts'
import type { AnyDataset, Dataset, DatasetEntry } from './dataset.ts'
import type { Task } from './examples.ts'
import { glueEntries } from './glue.ts'
import { hint } from './nearest.ts'
import { spamassassinEntry } from './spamassassin.ts'
import { tokenEntries } from './token-datasets.ts'

/** Every data set that can be loaded by name: one line each. */
const entries = [spamassassinEntry, ...glueEntries, ...tokenEntries] as const satisfies readonly DatasetEntry[]

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

/** Names that later versions will know, with what they wait for. */
const later: Readonly<Record<string, string>> = {
  e2e: 'text generation',
  'reuters21578-modapte': 'the reader of Reuters-21578',
  'reuters21578-modhayes': 'the reader of Reuters-21578',
  'reuters21578-modlewis': 'the reader of Reuters-21578',
}

export const datasetNames: readonly string[] = entries.map(entry => entry.name)

/**
 * A data set by its name.
 *
 * @throws ConfigError with the known names, where it is unknown or comes in a later version.
 */
export function findDataset(name: string): DatasetEntry {
  const entry = entries.find(each => each.name === name) as DatasetEntry | undefined
  if (entry !== undefined) return entry
  const known = [...datasetNames, ...Object.keys(later)]
  throw new ConfigError(
    'DATA_NAME',
    Object.hasOwn(later, name)
      ? `data set: expected one of ${datasetNames.join(', ')}, got '${name}', which comes with ${later[name]} in a later version; use one of these`
      : `data set: expected one of ${datasetNames.join(', ')}, got '${name}'${hint(name, known)}; use one of these or files of your own`,
    { name, allowed: datasetNames },
  )
}
