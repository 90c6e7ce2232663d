import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { abortError } from '../host/chunks.ts'
import { findPretrained } from '../host/find-pretrained.ts'
import { writeJson } from '../io/index.ts'
import type { CompareContext } from './context.ts'
import { claim } from './lock.ts'
import { makeRuns, planRuns } from './make-runs.ts'
import { inParallel } from './parallel.ts'
import { planOf } from './plan.ts'
import { readDataset } from './read-dataset.ts'
import { reportOf } from './report.ts'
import type { CompareOptions, CompareProgress, CompareReport } from './types.ts'

/** The work of `compare`, from options to report. */
export async function makeReport(options: CompareOptions): Promise<CompareReport> {
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
