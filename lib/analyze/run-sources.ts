import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isLoraFamily, patterned, scalingOf, type TuningSettings } from '../adapters/index.ts'
import { FormatError } from '../errors.ts'
import { isJsonObject, readJsonObject, SafetensorsFile, toDiskName } from '../io/index.ts'
import { nothingChanged } from './adapter-source.ts'
import { type FactorNames, lowRankSource } from './low-rank-source.ts'
import type { Source } from './source.ts'
import type { WholeModel } from './whole-model.ts'

/** Names of the checkpoints' folders in `run/checkpoints`, in the order of their steps. */
export function runCheckpoints(folder: string): string[] {
  const checkpoints = join(folder, 'run', 'checkpoints')
  if (!existsSync(checkpoints)) return []
  const steps = readdirSync(checkpoints).flatMap(name => /^step-(\d+)$/.exec(name)?.[1] ?? [])
  return steps
    .map(Number)
    .sort((a, b) => a - b)
    .map(step => join(checkpoints, `step-${step}`))
}

/**
 * A checkpoint of a run as a source: its parameters, as the training left them at that step.
 *
 * @throws FormatError where the folder does not hold what `train` writes; ConfigError for a method without changed weights
 */
export function runSource(folder: string, base: WholeModel): Source {
  const stateFile = join(folder, 'state.json')
  const { state } = readJsonObject(stateFile)
  const { fingerprint, phase, step } = isJsonObject(state) ? state : {}
  const settings = isJsonObject(fingerprint) && isJsonObject(fingerprint.settings) ? fingerprint.settings : {}
  if (typeof phase !== 'string' || typeof step !== 'number' || typeof settings.method !== 'string') {
    throw new FormatError(
      'ANALYZE_CHECKPOINT',
      `analyze: ${stateFile}: expected phase, step and settings of a run, got none; analyse it with the version that wrote it`,
      { file: stateFile },
    )
  }
  const file = new SafetensorsFile(join(folder, 'tensors.safetensors'))
  const place = { checkpoint: folder.slice(folder.lastIndexOf('step-')), phase, step }
  if (settings.method === 'full') return fullSource(file, base, place)
  const tuning = settings as unknown as TuningSettings
  if (!isLoraFamily(tuning)) throw nothingChanged(folder, tuning)

  const names = new Map<string, FactorNames>()
  for (const name of file.entries.keys()) {
    const [, path, part] = /^parameters\.(.+)\.(loraA|loraB|magnitude)$/.exec(name) ?? []
    if (path === undefined || part === undefined) continue
    const layer = toDiskName(path)
    names.set(layer, { ...names.get(layer), [part]: name })
  }
  if (names.size === 0) throw nothingChanged(folder, tuning)
  const scaling = (path: string) => scalingOf(patterned(tuning, path))
  return lowRankSource(file, names, { scaling, magnitudeAxis: tuning.magnitudeAxis ?? 'out' }, base, place)
}

/** A checkpoint of method 'full' holds every weight itself. */
function fullSource(
  file: SafetensorsFile,
  base: WholeModel,
  place: Pick<Source, 'checkpoint' | 'phase' | 'step'>,
): Source {
  const names = new Map<string, string>()
  for (const name of file.entries.keys()) {
    const [, path] = /^parameters\.(.+)\.weight$/.exec(name) ?? []
    const layer = path === undefined ? undefined : base.find(toDiskName(path))
    if (layer !== undefined) names.set(layer, name)
  }
  return {
    ...place,
    isWhole: true,
    path: file.path,
    layers: base.layers.filter(layer => names.has(layer)),
    has: layer => names.has(layer),
    weight: layer => ({ weight: file.tensor(names.get(layer)!) }),
  }
}
