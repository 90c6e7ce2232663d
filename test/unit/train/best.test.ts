import assert from 'node:assert/strict'
import { BEST_METRICS, type BestMetric, bestEntry, courseOf } from '../../../lib/train/best.ts'
import { textScores } from '../../../lib/train/text-scores.ts'
import { tokenScores } from '../../../lib/train/token-scores.ts'
import type { TunableModel } from '../../../lib/train/tunable-model.ts'
import type { HistoryEntry } from '../../../lib/train/types.ts'

/** Lines at steps 1, 2, ..., with or without an evaluation. */
const lines = (metric: BestMetric, values: readonly (number | null | undefined)[]): HistoryEntry[] =>
  values.map((value, index) => ({
    phase: 'train',
    step: index + 1,
    ...(value === undefined ? {} : { evaluation: { [metric]: value as number } }),
  }))

function course(metric: BestMetric, values: readonly (number | null | undefined)[], minDelta = 0) {
  const found = courseOf(lines(metric, values), { metric, minDelta })
  return found && [found.entry.step, found.value, found.waited]
}

describe('the course of evaluations', () => {
  it('goes down for losses and up for scores', () => {
    assert.deepEqual(course('loss', [3, 1, 2]), [2, 1, 1])
    assert.deepEqual(course('mse', [3, 1, 2]), [2, 1, 1])
    for (const metric of BEST_METRICS.filter(metric => metric !== 'loss' && metric !== 'mse'))
      assert.deepEqual(course(metric, [0.1, 0.4, 0.3]), [2, 0.4, 1], metric)
  })

  it('takes the first of equal ones, which do not count as better', () => {
    assert.deepEqual(course('loss', [2, 1, 1, 1]), [2, 1, 2])
  })

  it('passes lines without an evaluation over', () => {
    assert.deepEqual(course('loss', [undefined, 2, undefined, undefined, 3]), [2, 2, 1])
    assert.equal(course('loss', [undefined]), undefined)
    assert.equal(course('loss', []), undefined)
  })

  it('counts what is better by more than minDelta than the last that counted, and keeps the best of all', () => {
    assert.deepEqual(course('loss', [10, 9.5, 9.1], 1), [3, 9.1, 2])
    assert.deepEqual(course('loss', [10, 9.5, 8.9], 1), [3, 8.9, 0])
    assert.deepEqual(course('accuracy', [0.5, 0.51, 0.7, 0.71], 0.1), [4, 0.71, 1])
  })

  it('holds a score that is no number, also one read back from JSON, for worse than any other', () => {
    assert.deepEqual(course('pearson', [Number.NaN, -0.9, null]), [2, -0.9, 1])
    assert.deepEqual(course('pearson', [Number.NaN, null])![0], 1)
    assert.equal(course('pearson', [null, null, null])![2], 3)
  })

  it('looks at the last phase that was evaluated', () => {
    const entries: HistoryEntry[] = [
      { phase: 'search', step: 1, evaluation: { loss: 0 } },
      { phase: 'retrain', step: 1, evaluation: { loss: 0.1 } },
      { phase: 'retrain', part: 2, step: 1, evaluation: { loss: 0.7 } },
      { phase: 'retrain', part: 2, step: 2, evaluation: { loss: 0.5 } },
      { phase: 'retrain', part: 2, step: 3 },
    ]
    assert.equal(bestEntry(entries, { bestMetric: 'loss' }), entries[3])
    assert.equal(bestEntry([], { bestMetric: 'loss' }), undefined)
  })

  it('knows every score that an evaluation may give', () => {
    const found = [
      ['single-label', ['a', 'b']],
      ['single-label', ['a', 'b', 'c']],
      ['multi-label', ['a', 'b', 'c']],
      ['regression', undefined],
    ].flatMap(([problemType, labels]) =>
      textScores.names({ settings: { problemType }, labels: labels && { labels } } as unknown as TunableModel),
    )
    assert.deepEqual([...new Set(found)].sort(), [...BEST_METRICS].sort())
    // Those of single types are too many to be named; whoever wants one best has f1 and macroF1.
    const tagging = tokenScores.names({ labels: { labels: ['O', 'B-LOC', 'I-LOC'] } } as unknown as TunableModel)
    const general = tagging.filter(name => !name.endsWith('.LOC'))
    assert.equal(tagging.length, general.length + 3)
    assert.ok(general.every(name => (BEST_METRICS as readonly string[]).includes(name)))
  })
})
