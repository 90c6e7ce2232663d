import assert from 'node:assert/strict'
import { type ReportInput, reportOf } from '../../../lib/compare/report.ts'
import type { PlannedRun, StoredRun } from '../../../lib/compare/runs.ts'
import { DataError } from '../../../lib/errors.ts'
import type { ReportDataset } from '../../../lib/compare/types.ts'
import { reportDataset as dataset } from './report-dataset.ts'

/** What a run left, so much of it as the report reads. */
const stored = (scores: Record<string, number>, trainable: number, seconds: number, peakBytes: number) =>
  ({
    metrics: { test: scores, validation: { accuracy: 0 } },
    parameters: { trainable, total: 1000 },
    time: { total: seconds },
    memory: { peakBytes },
  }) as unknown as StoredRun

describe('the report of a comparison', () => {
  const failure = new DataError('DATA_TOO_FEW', 'x: too few rows', {})
  const outcomes: [dataset: string, contender: string, seed: number, outcome: StoredRun | Error][] = [
    ['x', 'lora', 0, stored({ accuracy: 0.5, loss: 2 }, 20, 10, 300)],
    ['x', 'lora', 1, stored({ accuracy: 0.7, loss: 1 }, 20, 20, 500)],
    ['y', 'lora', 0, stored({ accuracy: 0.2, loss: 3 }, 50, 30, 400)],
    ['y', 'lora', 1, stored({ accuracy: 0.3, loss: 3 }, 50, 40, 200)],
    ['x', 'bidora', 0, stored({ accuracy: 0.9, loss: 1 }, 30, 1, 100)],
    ['x', 'bidora', 1, failure],
    ['y', 'bidora', 0, failure],
    ['y', 'bidora', 1, failure],
  ]
  const made = (datasets: ReportDataset[]) =>
    reportOf({
      model: 'm',
      seeds: [0, 1],
      jobs: 1,
      threads: 1,
      datasets,
      contenders: ['lora', 'bidora'].map(name => ({ name, method: name, settings: { rank: 2 } })),
      pairs: [['bidora', 'lora']],
      runs: outcomes.map(([name, contender, seed]) => ({ dataset: name, contender, seed }) as PlannedRun),
      outcomes: outcomes.map(each => each[3]),
    } as ReportInput)

  it('a line for each contender: means over seeds, and over data sets where all have one', () => {
    const { table, failed, runs } = made([dataset('x', 'accuracy'), dataset('y', 'accuracy')])
    const [lora, bidora] = table
    assert.deepEqual([lora!.scores.x!.mean, lora!.scores.y!.mean, lora!.scores.y!.count], [0.6, 0.25, 2])
    assert.equal(lora!.mean, 0.425)
    assert.deepEqual([lora!.time!.mean, lora!.time!.count, lora!.peakBytes], [25, 4, 500])
    assert.equal(lora!.parameters!.trainable, 50, 'the most of all data sets: heads differ')
    assert.deepEqual([bidora!.scores.x, bidora!.scores.y], [{ mean: 0.9, spread: null, count: 1 }, null])
    assert.equal(bidora!.mean, null, 'a mean without one of the data sets could not be compared')
    assert.equal(failed, 3)
    const run = runs.find(each => each.method === 'bidora' && each.dataset === 'y')!
    assert.ok(run.status === 'failed')
    assert.deepEqual(run.error, { name: 'DataError', code: 'DATA_TOO_FEW', message: 'x: too few rows' })
  })

  it('no mean over data sets where some scores are better low', () => {
    const [lora] = made([dataset('x', 'accuracy'), dataset('y', 'loss', false)]).table
    assert.deepEqual([lora!.scores.y!.mean, lora!.mean], [3, null])
  })
})
