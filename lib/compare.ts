import type { CompareOptions, CompareReport } from './compare/types.ts'

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
  // Loaded when it is wanted: whoever imports the package to predict has no use for it.
  const { makeReport } = await import('./compare/make-report.ts')
  return makeReport(options)
}
