import { packageVersion } from '../setup/locate.ts'
import { compareAll, type Results, summaryOf } from './comparisons.ts'
import type { PlannedRun, StoredRun } from './runs.ts'
import { scoreOf } from './scores.ts'
import type { Contender } from './settings.ts'
import type { CompareReport, ReportDataset, ReportRun, TableRow } from './types.ts'

/** What a report is made of. */
export interface ReportInput {
  readonly model: string
  readonly seeds: readonly number[]
  readonly jobs: number
  readonly threads: number
  readonly datasets: readonly ReportDataset[]
  readonly contenders: readonly Contender[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly runs: readonly PlannedRun[]
  /** In the order of `runs`: what came out, or why nothing did. */
  readonly outcomes: readonly (StoredRun | Error)[]
}

/** Brings the runs together: table, comparisons, and the numbers of every run. */
export function reportOf(input: ReportInput): CompareReport {
  const { model, seeds, jobs, threads, contenders, pairs } = input
  const runs = input.runs.map((run, i) => reportRun(run, input.outcomes[i]!, input.datasets))
  const results: Results = { datasets: input.datasets, seeds, runs }
  return {
    schema: 1,
    finished: new Date().toISOString(),
    versions: { 'bidora-torch': packageVersion(), node: process.version },
    model,
    seeds,
    jobs,
    threads,
    datasets: [...input.datasets],
    methods: contenders.map(({ name, method, settings }) => ({ name, method, settings })),
    runs,
    failed: runs.filter(run => run.status === 'failed').length,
    table: contenders.map(({ name }) => tableRow(name, results)),
    comparisons: compareAll(pairs, results),
  }
}

function reportRun(
  { dataset, contender, seed, fingerprint }: PlannedRun,
  outcome: StoredRun | Error,
  datasets: readonly ReportDataset[],
): ReportRun {
  const run = { dataset, method: contender, seed, fingerprint }
  if (outcome instanceof Error) {
    const { name, message } = outcome
    const code = (outcome as { code?: unknown }).code
    return { ...run, status: 'failed', error: { name, code: typeof code === 'string' ? code : null, message } }
  }
  const { metrics, parameters, steps, time, memory, truncated, warnings, threads, versions, finished } = outcome
  const score = scoreOf(metrics, datasets.find(each => each.name === dataset)!)
  return {
    ...run,
    status: 'done',
    score,
    metrics,
    parameters,
    steps,
    time,
    memory,
    truncated,
    warnings,
    threads,
    versions,
    finished,
  }
}

function tableRow(name: string, { datasets, runs }: Results): TableRow {
  const done = runs.flatMap(run => (run.method === name && run.status === 'done' ? [run] : []))
  const scores = datasets.map(({ name: dataset }) =>
    summaryOf(done.flatMap(run => (run.dataset === dataset ? (run.score ?? []) : []))),
  )
  const whole = scores.every(score => score !== null) && datasets.every(({ higherIsBetter }) => higherIsBetter)
  const largest = (values: readonly number[]) => (values.length === 0 ? null : Math.max(...values))
  // Heads differ with the number of labels: the most of all data sets is shown.
  const most = done.toSorted((x, y) => y.parameters.trainable - x.parameters.trainable)[0]
  return {
    name,
    parameters: most?.parameters ?? null,
    scores: Object.fromEntries(datasets.map((dataset, i) => [dataset.name, scores[i] ?? null])),
    mean: whole ? (summaryOf(scores.map(score => score!.mean))?.mean ?? null) : null,
    time: summaryOf(done.map(run => run.time.total)),
    peakBytes: largest(done.map(run => run.memory.peakBytes)),
  }
}
