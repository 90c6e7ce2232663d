import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Example } from '../data/examples.ts'
import { stratifiedSplit } from '../data/split.ts'
import { ConfigError, DataError } from '../errors.ts'
import { writeJson } from '../io/index.ts'
import { packageVersion } from '../setup/locate.ts'
import type { GivenFitSettings, GivenModelSettings } from '../train/config.ts'
import type { FitHooks } from '../train/types.ts'
import type { PreparedRows } from './dataset.ts'
import { claim } from './lock.ts'
import type { RunKey, Scoring, StoredRun } from './runs.ts'

/** What the process of a run is to do: plain data. */
export interface TrainTask {
  readonly base: string
  readonly dataset: string
  /** JSON of the rows of all parts. */
  readonly rows: string
  readonly model: GivenModelSettings
  readonly fit: GivenFitSettings
  readonly scoring: Scoring
  readonly threads: number
  readonly keepModels: boolean
  readonly folder: string
  readonly fingerprint: string
  readonly key: RunKey
}

/** The one split for all runs, whatever their seeds: they are to be scored on the same rows. */
const HOLD_OUT_SEED = 0
/** A search that breaks down at every step says so at every step. */
const MOST_WARNINGS = 20
/** A child of a comparison that was killed still writes its checkpoint. */
const PATIENCE = 60_000

/**
 * Makes a run, or goes on with it where it was interrupted, and keeps its result: `result.json` and `metrics.jsonl` in its
 * folder, the tuned model beside them (`model/`) where it is to be kept. `result.json` is written last.
 */
export async function trainRun(task: TrainTask, hooks: FitHooks): Promise<StoredRun> {
  const release = await claim(join(task.folder, 'run.lock'), PATIENCE)
  const warnings = new Set<string>()
  const onWarning = ({ name, message }: Error) => {
    if (name === 'BidoraWarning' && warnings.size < MOST_WARNINGS) warnings.add(message)
  }
  process.on('warning', onWarning)
  try {
    const work = join(task.folder, 'work')
    const { history: _, dataset: __, ...report } = await fit(task, work, hooks)
    const { libtorchVersion } = await import('../torch.ts')
    const stored: StoredRun = {
      schema: 1,
      fingerprint: task.fingerprint,
      dataset: task.dataset,
      ...report,
      warnings: [...warnings],
      threads: task.threads,
      versions: { 'bidora-torch': packageVersion(), libtorch: libtorchVersion(), node: process.version },
      finished: new Date().toISOString(),
      key: task.key,
    }
    renameSync(join(work, 'run', 'metrics.jsonl'), join(task.folder, 'metrics.jsonl'))
    if (task.keepModels) {
      rmSync(join(work, 'run'), { recursive: true })
      rmSync(join(task.folder, 'model'), { recursive: true, force: true })
      renameSync(work, join(task.folder, 'model'))
    }
    writeJson(join(task.folder, 'result.json'), stored)
    rmSync(work, { recursive: true, force: true })
    return stored
  } finally {
    process.off('warning', onWarning)
    release()
  }
}

async function fit(task: TrainTask, work: string, hooks: FitHooks) {
  const { train = [], validation, test } = partsOf(task)
  const rest = { ...task.fit, validation, test, dataset: task.dataset, output: work, resume: true }
  const attempt = async () => {
    // The addon is loaded here, and not where a data set is only read.
    const { TunedModel } = await import('../train/index.ts')
    const model = await TunedModel.create(task.base, { ...task.model, threads: task.threads })
    try {
      return await model.fit(train, rest, hooks)
    } finally {
      model.dispose()
    }
  }
  try {
    return await attempt()
  } catch (error) {
    // What was interrupted cannot be gone on with (other settings of running, damaged files): from the start, then.
    if (!(error instanceof ConfigError) || !['RESUME_CHANGED', 'RUN_DAMAGED'].includes(error.code)) throw error
    if (!existsSync(work)) throw error
    rmSync(work, { recursive: true })
    return attempt()
  }
}

/**
 * The rows of a run. Held-out rows come out of those that `limitTrain` leaves.
 *
 * @throws DataError where a hold-out would leave one side empty.
 */
export function partsOf({
  rows,
  scoring,
  fit: { limitTrain },
  dataset,
  model,
}: Pick<TrainTask, 'rows' | 'scoring' | 'fit' | 'dataset' | 'model'>): PreparedRows {
  const read = JSON.parse(readFileSync(rows, 'utf8')) as PreparedRows
  const train = (read.train ?? []).slice(0, limitTrain)
  if (scoring.holdOut === undefined) {
    return { train, validation: read.validation, test: scoring.part === 'test' ? read.test : undefined }
  }
  const size = train.length - Math.round(train.length * scoring.holdOut)
  if (size < 1 || size === train.length) {
    throw new DataError(
      'DATA_TOO_FEW',
      `${dataset}: expected rows on both sides of a hold-out of ${scoring.holdOut}, got ${train.length} training rows; add rows`,
      { rows: train.length },
    )
  }
  const keys = train.map(({ label }) => (model.problemType === 'single-label' ? (label as string | number) : null))
  const { first, second } = stratifiedSplit(keys, { size, seed: HOLD_OUT_SEED, stream: 'compare' })
  const take = (places: readonly number[]): Example[] => places.map(place => train[place]!)
  return { train: take(first), validation: take(second), test: undefined }
}
