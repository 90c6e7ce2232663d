// node dist/test/bench/table/run.js [--budget MINUTES] [--threads N] [--datasets a,b] [--methods a,b] [--seeds 0,1]
//   [--data DIR] [--out FILE] [--limit ROWS]
//
// Runs the cells of the results table that have no result yet. It can be stopped at any time and started again, and
// several can run beside each other on parts of the table.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Dataset, loadDataset, requireTask } from '../../../lib/data/index.ts'
import { keyOf, runCell } from './cell.ts'
import { planCells, root } from './plan.ts'
import { appendResult, findResult, readResults, resultsFile } from './results.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      budget: { type: 'string', default: 'Infinity' },
      threads: { type: 'string', default: '1' },
      datasets: { type: 'string' },
      methods: { type: 'string' },
      seeds: { type: 'string' },
      data: { type: 'string', default: join(root, '../shared/data') },
      out: { type: 'string' },
      limit: { type: 'string' },
    },
  })
  const [budget, threads] = [Number(values.budget), Number(values.threads)]
  const limit = values.limit === undefined ? undefined : Number(values.limit)
  if (!(budget >= 0)) throw new Error(`table: expected --budget in minutes, got ${values.budget}`)
  if (limit !== undefined && values.out === undefined) {
    throw new Error('table: --limit makes results that are not the table; give --out another file for them')
  }
  const file = values.out ?? resultsFile
  const cells = planCells({
    datasets: values.datasets?.split(','),
    methods: values.methods?.split(','),
    seeds: values.seeds?.split(',').map(Number),
  })
  const loaded = new Map<string, Dataset>()
  const until = performance.now() + budget * 60_000
  let failed = 0
  for (const [index, cell] of cells.entries()) {
    const name = `${cell.dataset.name} ${cell.method.method} seed ${cell.seed} (${index + 1} of ${cells.length})`
    // Read again each time: another process may have finished it meanwhile.
    if (findResult(readResults(file), keyOf(cell))) {
      console.log(`${name}: done before`)
      continue
    }
    if (performance.now() > until) {
      console.log(`${name}: left for the next time, the budget of ${budget} minutes is spent`)
      break
    }
    try {
      const { name: dataset } = cell.dataset
      const data = loaded.get(dataset) ?? requireTask(await loadDataset(dataset, values.data), 'text-classification')
      loaded.set(cell.dataset.name, data)
      const result = await runCell(cell, data, { threads, limit })
      appendResult(file, result)
      const scores = cell.dataset.columns.map(
        ({ metric, title }) => `${title} ${((result.metrics[metric] as number) * 100).toFixed(1)}`,
      )
      console.log(`${name}: ${scores.join(', ')}, loss ${result.metrics.loss?.toFixed(4)}, ${result.seconds.total} s`)
    } catch (error) {
      failed++
      console.error(`${name}: failed, to be tried again the next time`, error)
    }
  }
  if (failed > 0) process.exitCode = 1
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
