// node dist/test/bench/table/rates.js METHOD DATASET RATE[,RATE...] [--upper RATE] [--threads N] [--data DIR] [--out FILE]
//
// How a learning rate of plan.ts was chosen: trains on four fifths of a data set's training rows (a split of seed 100)
// and scores on the fifth left over. The dev sets are not looked at.
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  type Dataset,
  type Example,
  loadDataset,
  requirePart,
  requireTask,
  stratifiedSplit,
} from '../../../lib/data/index.ts'
import type { FitOptions } from '../../../lib/train/index.ts'
import { type CellData, trainAndScore } from './cell.ts'
import { type Cell, planCells, root } from './plan.ts'

const innerSeed = 100

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      upper: { type: 'string' },
      threads: { type: 'string', default: '1' },
      data: { type: 'string', default: join(root, '../shared/data') },
      out: { type: 'string', default: join(root, 'test/bench/results/table/rates.jsonl') },
    },
  })
  const [method = '', dataset = '', rates = ''] = positionals
  const [planned] = planCells({ methods: [method], datasets: [dataset], seeds: [0] })
  if (!planned || rates === '') throw new Error('rates: expected METHOD DATASET RATE[,RATE...]')
  const data = innerSplit(requireTask(await loadDataset(dataset, values.data), 'text-classification'), planned)
  for (const rate of rates.split(',').map(Number)) {
    const result = await trainAndScore(withRates(planned, rate, values.upper), data, Number(values.threads))
    const { metrics, settings, seconds } = result
    const { retrainLearningRate, upperLearningRate } = settings
    const line = JSON.stringify({
      method,
      dataset,
      retrainLearningRate,
      upperLearningRate,
      rows: result.rows,
      metrics,
      seconds,
    })
    mkdirSync(dirname(values.out), { recursive: true })
    appendFileSync(values.out, `${line}\n`)
    console.log(line)
  }
}

function innerSplit({ train, info, ...rest }: Dataset, { dataset }: Cell): CellData {
  const rows: Example[] = requirePart({ train, info, ...rest }, 'train').slice(0, dataset.trainRows)
  const keys = rows.map(({ label }) => (info.problemType === 'single-label' ? String(label) : null))
  const { first, second } = stratifiedSplit(keys, {
    size: Math.round(rows.length * 0.8),
    seed: innerSeed,
    stream: 'inner',
  })
  const pick = (indices: readonly number[]) => indices.map(index => rows[index] as Example)
  return { train: pick(first), validation: pick(second), labels: info.labels }
}

/** The cell with another learning rate, and with the seed of the split. */
function withRates(cell: Cell, rate: number, upper: string | undefined): Cell {
  const fit: FitOptions = { ...cell.method.fit, retrainLearningRate: rate }
  const both =
    cell.method.method === 'bidora'
      ? { lowerLearningRate: rate, ...(upper ? { upperLearningRate: Number(upper) } : {}) }
      : {}
  return { ...cell, seed: innerSeed, method: { ...cell.method, fit: { ...fit, ...both } } }
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
