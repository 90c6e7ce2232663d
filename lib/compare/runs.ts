import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readJsonObject } from '../io/index.ts'
import { packageVersion } from '../setup/locate.ts'
import { FIELDS, type FieldName, type Settings } from '../train/config.ts'
import type { FitReport, Metrics } from '../train/types.ts'
import type { Part, PreparedDataset } from './dataset.ts'
import { type Contender, isRead, resolveSettings } from './settings.ts'
import type { TrainTask } from './train-run.ts'

/** Settings that say how a run is made and not what comes out. */
const RUNNING: readonly string[] = [
  'threads',
  'saveEvery',
  'keepCheckpoints',
  'logEvery',
  'output',
  'resume',
  'preset',
] satisfies FieldName[]

/** One training of the comparison. */
export interface PlannedRun {
  readonly dataset: string
  readonly contender: string
  readonly seed: number
  /** Hash of all that its scores depend on. */
  readonly fingerprint: string
  readonly folder: string
  readonly task: TrainTask
}

/** What is kept of a finished run: `result.json` in its folder. */
export interface StoredRun extends Omit<FitReport, 'history' | 'dataset'> {
  readonly schema: 1
  readonly fingerprint: string
  /** What the fingerprint was made of. */
  readonly key: RunKey
  readonly dataset: string
  /** Scores on the rows held out of the training part stand under `validation`. */
  readonly metrics: { readonly validation?: Metrics; readonly test?: Metrics }
  /** What the engine warned of since the run was last begun: the first 20. */
  readonly warnings: readonly string[]
  readonly threads: number
  readonly versions: { readonly 'bidora-torch': string; readonly libtorch: string; readonly node: string }
  /** Time of its end, ISO 8601. */
  readonly finished: string
}

/** All that the scores of a run depend on. */
export interface RunKey {
  readonly version: string
  readonly model: string
  readonly rows: Readonly<Partial<Record<Part, string>>>
  readonly holdOut: number | null
  readonly settings: Readonly<Record<string, unknown>>
}

/** Which rows a run is scored on. */
export interface Scoring {
  readonly part: 'validation' | 'test'
  /** Share of the training rows that is held out and scored on, in the place of other parts. */
  readonly holdOut: number | undefined
}

/**
 * The run of a contender on a data set with a seed. Its folder is named by its fingerprint: a change of settings or data is
 * another run, and the former one stays.
 *
 * @throws ConfigError where the settings are wrong for the data set.
 */
export function planRun(
  contender: Contender,
  seed: number,
  dataset: PreparedDataset,
  place: { base: string; output: string; scoring: Scoring; keepModels: boolean; threads: number },
): PlannedRun {
  const { base, output, scoring, keepModels, threads } = place
  const { settings, model, fit } = resolveSettings(contender, { seed, problem: dataset })
  const key = keyOf(contender, settings, dataset, scoring)
  const fingerprint = createHash('sha256').update(JSON.stringify(key)).digest('hex')
  const name = `${dataset.name}_${contender.method}_seed-${seed}_${fingerprint.slice(0, 12)}`
  const folder = join(output, 'runs', name)
  const task = { base, model, fit, threads, keepModels, folder, rows: dataset.file, scoring, fingerprint, key }
  return {
    dataset: dataset.name,
    contender: contender.name,
    seed,
    fingerprint,
    folder,
    task: { ...task, dataset: dataset.name },
  }
}

function keyOf({ method }: Contender, settings: Settings, dataset: PreparedDataset, scoring: Scoring): RunKey {
  const names = (Object.keys(FIELDS) as FieldName[])
    .filter(name => !RUNNING.includes(name) && isRead(name, method, settings as unknown as Record<string, unknown>))
    .sort()
  const { train, validation, test } = dataset.parts
  const scored = scoring.holdOut === undefined
  const rows = {
    train: train?.sha256 ?? '',
    ...(scored && validation && { validation: validation.sha256 }),
    ...(scored && scoring.part === 'test' && test && { test: test.sha256 }),
  }
  return {
    version: packageVersion(),
    model: dataset.model,
    rows,
    holdOut: scoring.holdOut ?? null,
    settings: Object.fromEntries(names.map(name => [name, settings[name] ?? null])),
  }
}

/** The result of a run where it is finished; one of another fingerprint or cut off is none. */
export function finishedRun({ folder, fingerprint }: PlannedRun): StoredRun | undefined {
  const file = join(folder, 'result.json')
  if (!existsSync(file)) return undefined
  const stored = readJsonObject(file) as unknown as StoredRun
  return stored.fingerprint === fingerprint ? stored : undefined
}
