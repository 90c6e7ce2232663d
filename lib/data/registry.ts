import { ConfigError } from '../errors.ts'
import type { DatasetEntry } from './dataset.ts'
import { glueEntries } from './glue.ts'
import { hint } from './nearest.ts'
import { spamassassinEntry } from './spamassassin.ts'

/** Every data set that can be loaded by name: one line each. */
const entries: readonly DatasetEntry[] = [spamassassinEntry, ...glueEntries]

/** Names that later versions will know, with what they wait for. */
const later: Readonly<Record<string, string>> = {
  e2e: 'text generation',
  conll2003: 'token classification',
  jnlpba: 'token classification',
  'ncbi-disease': 'token classification',
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
  const entry = entries.find(each => each.name === name)
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
