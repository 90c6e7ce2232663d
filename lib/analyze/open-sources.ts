import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readAdapterConfig } from '../adapters/index.ts'
import { ConfigError, FormatError } from '../errors.ts'
import { adapterSource } from './adapter-source.ts'
import { runCheckpoints, runSource } from './run-sources.ts'
import type { Source } from './source.ts'
import { openWhole, type WholeModel, wholeSource } from './whole-model.ts'

/** Whether a folder holds an adapter. */
export const isAdapter = (folder: string) => existsSync(join(folder, 'adapter_config.json'))
const isWhole = (folder: string) => !isAdapter(folder) && existsSync(join(folder, 'config.json'))

/**
 * The states that a folder holds: the checkpoints of its run in the order of their steps, then the model itself.
 *
 * @throws FormatError for a folder that holds neither
 */
export function openSources(folder: string, base: WholeModel, withCheckpoints: boolean): Source[] {
  const checkpoints = runCheckpoints(folder)
  const sources = withCheckpoints ? checkpoints.map(path => runSource(path, base)) : []
  if (isAdapter(folder)) return [...sources, adapterSource(folder, base)]
  if (isWhole(folder)) return [...sources, wholeSource(openWhole(folder), base)]
  if (sources.length > 0) return sources // a run that is not finished
  const got = checkpoints.length > 0 ? 'only checkpoints of a run' : 'none of them'
  throw new FormatError(
    'NOT_A_MODEL',
    `analyze: expected adapter_config.json or config.json in ${folder}, got ${got}; give the folder that save, merge or a run's output wrote`,
    { folder },
  )
}

/**
 * The folder of the pretrained model: as told, as an adapter says, or a whole model that is measured from.
 *
 * @throws ConfigError where it is not told and cannot be found
 */
export function findBase(told: string | undefined, adapter: string, against: string | undefined): string {
  if (told !== undefined) return told
  for (const folder of [adapter, ...(against === undefined ? [] : [against])]) {
    if (!isAdapter(folder)) continue
    const { base } = readAdapterConfig(folder)
    const found = [base, resolve(folder, base)].find(path => base !== '' && existsSync(join(path, 'config.json')))
    if (found !== undefined) return found
    throw missing(`${folder} was trained on ${base === '' ? 'a model it does not name' : base}, which is not there`)
  }
  if (against !== undefined && isWhole(against)) return against
  throw missing(`${adapter} does not say which model it came from`)
}

function missing(reason: string): ConfigError {
  return new ConfigError(
    'BASE_NOT_FOUND',
    `analyze: expected the folder of the pretrained model, got none: ${reason}; give it as model`,
    { key: 'model' },
  )
}
