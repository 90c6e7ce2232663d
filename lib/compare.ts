import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { abortError } from './host/chunks.ts'
import { findPretrained } from './host/find-pretrained.ts'
import { writeJson } from './io/index.ts'
import type { CompareContext } from './compare/context.ts'
import { claim } from './compare/lock.ts'
import { makeRuns, planRuns } from './compare/make-runs.ts'
import { inParallel } from './compare/parallel.ts'
import { planOf } from './compare/plan.ts'
import { readDataset } from './compare/read-dataset.ts'
import { reportOf } from './compare/report.ts'
import type { CompareOptions, CompareProgress, CompareReport } from './compare/types.ts'

export type { CompareDataset } from './compare/dataset.ts'
export type {
  CompareOptions,
  CompareProgress,
  CompareReport,
  CompareVariant,
  Comparison,
} from './compare/types.ts'

/**
 * Tunes a model by several methods and variants of them, over seeds and data sets, each run in a process of its own, and
 * tests the differences. Finished runs are kept in `output` and not made again; an interrupted one goes on from its
 * checkpoint; a change of settings or data makes anew only the runs that it concerns. What is found is also written to
 * `compare.json` there.
 *
 * @returns The report. A run that failed stands in it with its reason (`failed` counts them); the others are made all the
 *   same.
 * @throws ConfigError, ArgumentError, DataError before anything is trained; AbortError when stopped; BidoraError where
 *   another process works in `output`.
 * @example
 * ```ts
 * const { table, comparisons } = await compare({
 *   model: './all-MiniLM-L6-v2', datasets: ['sst2', 'mrpc'], data: './data', output: './compared',
 *   methods: ['lora', 'bidora'], variants: { 'first-order': { method: 'bidora', hypergradient: 'first-order' } },
 *   seeds: [0, 1, 2], epochs: 3, limitTrain: 1000,
 * })
 * ```
 */
export async function compare(options: CompareOptions): Promise<CompareReport> {
  const plan = planOf(options)
  const base = resolve(findPretrained(options.model, 'compare'))
  const output = resolve(options.output)
  const controller = new AbortController()
  const onAbort = () => controller.abort(options.signal?.reason)
  if (options.signal?.aborted) throw abortError(options.signal)
  options.signal?.addEventListener('abort', onAbort)
  const release = await claim(join(output, 'compare.lock'))
  const report = guarded(options.onProgress, controller)
  try {
    const result = await work({ options, plan, base, output, signal: controller.signal, report: report.call })
    report.rethrow()
    return result
  } catch (error) {
    report.rethrow()
    throw error
  } finally {
    rmSync(join(output, 'data'), { recursive: true, force: true })
    release()
    options.signal?.removeEventListener('abort', onAbort)
  }
}

async function work(given: CompareContext): Promise<CompareReport> {
  const { plan, output, options } = given
  const ready = await inParallel(plan.datasets, plan.jobs, dataset => readDataset(dataset, given))
  const runs = planRuns(ready, given)
  const outcomes = await makeRuns(runs, ready, given)
  const report = reportOf({
    model: options.model,
    seeds: plan.seeds,
    jobs: plan.jobs,
    threads: plan.threads,
    datasets: ready.map(({ shown }) => shown),
    contenders: plan.contenders,
    pairs: plan.pairs,
    runs,
    outcomes,
  })
  writeJson(join(output, 'compare.json'), report)
  return report
}

/** What the user's own callback throws ends the comparison, which then fails with exactly that. */
function guarded(callback: CompareOptions['onProgress'], controller: AbortController) {
  const thrown: unknown[] = []
  return {
    call: (progress: CompareProgress) => {
      try {
        if (thrown.length === 0) callback?.(progress)
      } catch (error) {
        thrown.push(error)
        controller.abort()
      }
    },
    rethrow: () => {
      if (thrown.length > 0) throw thrown[0]
    },
  }
}
