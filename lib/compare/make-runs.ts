import { AbortError, ConfigError, SetupError } from '../errors.ts'
import type { CompareContext } from './context.ts'
import { inParallel } from './parallel.ts'
import { inChild } from './process.ts'
import type { Ready } from './read-dataset.ts'
import { finishedRun, type PlannedRun, planRun, type StoredRun } from './runs.ts'
import { scoreOf } from './scores.ts'
import type { CompareProgress } from './types.ts'

/** All runs, seed by seed, so that a comparison that is stopped early is even. */
export function planRuns(ready: readonly Ready[], { plan, base, output, options }: CompareContext): PlannedRun[] {
  const { contenders, seeds, threads } = plan
  const keepModels = options.keepModels ?? false
  const runs = seeds.flatMap(seed =>
    ready.flatMap(({ prepared, scoring }) =>
      contenders.map(each => planRun(each, seed, prepared, { base, output, scoring, keepModels, threads })),
    ),
  )
  const first = new Map<string, PlannedRun>()
  for (const run of runs) {
    const same = first.get(run.folder)
    if (same !== undefined) {
      throw new ConfigError(
        'CONFIG_SAME',
        `compare: expected contenders with different settings, got '${same.contender}' and '${run.contender}' with the same; leave one out`,
        { key: 'variants', names: [same.contender, run.contender] },
      )
    }
    first.set(run.folder, run)
  }
  return runs
}

/** Makes the runs that are not finished; one that fails leaves its reason. */
export async function makeRuns(runs: readonly PlannedRun[], ready: readonly Ready[], given: CompareContext) {
  const { plan, signal } = given
  const counts = { finished: 0, failed: 0, total: runs.length }
  const tell = (run: PlannedRun, more: Pick<CompareProgress, 'kind'> & Partial<CompareProgress>) =>
    given.report({ dataset: run.dataset, method: run.contender, seed: run.seed, ...counts, ...more })
  const done = (run: PlannedRun, kind: 'kept' | 'done', result: StoredRun) => {
    counts.finished++
    const { shown } = ready.find(each => each.prepared.name === run.dataset)!
    const score = scoreOf(result.metrics, shown) ?? Number.NaN
    tell(run, { kind, score, metric: shown.metric, seconds: result.time.total, warnings: result.warnings })
    return result
  }
  // What is there is counted before anything new is begun.
  const found = runs.map(run => finishedRun(run))
  const kept = runs.map((run, i) => (found[i] === undefined ? undefined : done(run, 'kept', found[i])))
  return inParallel(runs, plan.jobs, async (run, i): Promise<StoredRun | Error> => {
    if (kept[i] !== undefined) return kept[i]
    if (signal.aborted) throw stopped(given, counts)
    tell(run, { kind: 'started' })
    const onProgress = (training: NonNullable<CompareProgress['training']>) => tell(run, { kind: 'training', training })
    try {
      return done(run, 'done', await inChild('train', run.task, { threads: plan.threads, signal, onProgress }))
    } catch (error) {
      if (signal.aborted) throw stopped(given, counts)
      if (error instanceof SetupError) throw error // no other run would fare better
      counts.failed++
      const failure = error instanceof Error ? error : new Error(String(error))
      tell(run, { kind: 'failed', error: failure })
      return failure
    }
  })
}

function stopped(
  { output }: CompareContext,
  { finished: made, total }: { finished: number; total: number },
): AbortError {
  return new AbortError(
    'STOPPED',
    `compare: stopped with ${made} of ${total} runs finished; they are kept in ${output}, and the same call goes on from there`,
    { output, finished: made, total },
  )
}
