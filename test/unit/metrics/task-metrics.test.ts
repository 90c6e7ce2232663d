import assert from 'node:assert/strict'
import { taskMetrics } from '../../../lib/metrics/index.ts'

const mail = { problemType: 'single-label', labels: ['ham', 'spam'] } as const

describe('taskMetrics', () => {
  it('scores two classes, the last one being the positive', () => {
    const scores = taskMetrics([1, 1, 0, 0], [1, 0, 1, 1], mail)
    assert.deepEqual(Object.keys(scores), ['accuracy', 'precision', 'recall', 'f1', 'matthews'])
    assert.equal(scores.precision, 1 / 2)
    assert.equal(scores.recall, 1 / 3)
    assert.equal(taskMetrics([1, 1, 0, 0], [1, 0, 1, 1], { ...mail, positiveLabel: 'ham' }).recall, 0)
  })

  it('scores more classes by micro and macro averages', () => {
    const scores = taskMetrics([0, 1, 2], [0, 1, 1], { problemType: 'single-label', labels: ['a', 'b', 'c'] })
    assert.deepEqual(Object.keys(scores), ['accuracy', 'microF1', 'macroF1', 'matthews'])
    assert.equal(scores.macroF1, (1 + 2 / 3 + 0) / 3)
  })

  it('scores several labels an example', () => {
    const [predictions, references] = [
      [
        [1, 0],
        [1, 1],
      ],
      [
        [1, 0],
        [0, 1],
      ],
    ]
    const scores = taskMetrics(predictions!, references!, { problemType: 'multi-label', labels: ['a', 'b'] })
    assert.deepEqual(Object.keys(scores), ['accuracy', 'precision', 'recall', 'microF1', 'macroF1'])
    assert.equal(scores.accuracy, 0.5)
    assert.equal(scores.precision, 2 / 3)
    assert.equal(scores.recall, 1)
  })

  it('scores numbers; a correlation that is not defined is NaN, null in JSON', () => {
    const scores = taskMetrics([2, 2], [1, 3], { problemType: 'regression' })
    assert.deepEqual(scores, { pearson: Number.NaN, spearman: Number.NaN, mse: 1 })
    assert.equal(JSON.stringify(scores), '{"pearson":null,"spearman":null,"mse":1}')
  })

  it('refuses indices outside the labels, unknown positive labels, rows of another width, a single class', () => {
    assert.throws(() => taskMetrics([2], [0], mail), { code: 'METRIC_CLASS', message: /from 0 to 1, got 2 at 0/ })
    assert.throws(() => taskMetrics([0], [-1], mail), { code: 'METRIC_CLASS' })
    assert.throws(() => taskMetrics([0], [0], { ...mail, positiveLabel: 'Spam' }), { code: 'METRIC_LABELS' })
    assert.throws(() => taskMetrics([0], [0], { problemType: 'single-label', labels: ['a'] }), {
      code: 'METRIC_LABELS',
    })
    assert.throws(() => taskMetrics([[1]], [[1]], { problemType: 'multi-label', labels: ['a', 'b'] }), {
      code: 'METRIC_LABELS',
    })
  })
})
