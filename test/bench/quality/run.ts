// node dist/test/bench/quality/run.js [--data DIR] [--datasets a,b] [--budget MINUTES]: makes the runs of the study that are
// missing, one process, one thread, and writes all finished ones to results/quality.jsonl.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compare } from '../../../lib/compare.ts'
import { AbortError } from '../../../lib/errors.ts'
import { findModel } from '../../../lib/setup/assets.ts'
import { root } from '../../parity/golden.ts'
import { common, datasets, seeds, variants } from './plan.ts'
import { type QualityLine, qualityFile, readQuality } from './results.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(root, '../shared/data') },
    datasets: { type: 'string', default: datasets.join() },
    budget: { type: 'string' },
  },
})

const stop = new AbortController()
if (values.budget !== undefined) setTimeout(() => stop.abort(), Number(values.budget) * 60_000).unref()

for (const dataset of values.datasets.split(',')) {
  const lines: QualityLine[] = []
  try {
    await compare({
      ...common,
      model: findModel(),
      datasets: [dataset],
      data: values.data,
      variants,
      seeds,
      jobs: 1,
      threads: 1,
      output: join(root, 'build/quality', dataset), // finished runs are kept there
      signal: stop.signal,
      onProgress({ kind, method, seed, score, metric, seconds, finished, total, error }) {
        if (kind === 'failed') console.log(`${dataset} ${method} seed ${seed}: ${error?.message}`)
        if ((kind !== 'done' && kind !== 'kept') || score === undefined) return
        const points = Number((score * 100).toFixed(3))
        lines.push({
          dataset,
          kind: method!,
          seed: seed!,
          metric: metric!,
          score: points,
          seconds: Math.round(seconds!),
        })
        console.log(`[${finished}/${total}] ${dataset} ${method} seed ${seed}: ${points}`)
      },
    })
  } catch (error) {
    if (!(error instanceof AbortError)) throw error
    console.log(error.message)
  }
  const made = new Set(lines.map(keyOf))
  const all = [...readQuality().filter(line => !made.has(keyOf(line))), ...lines]
  writeFileSync(qualityFile, all.map(line => `${JSON.stringify(line)}\n`).join(''))
  if (stop.signal.aborted) break
}

function keyOf({ dataset, kind, seed }: QualityLine): string {
  return `${dataset} ${kind} ${seed}`
}
