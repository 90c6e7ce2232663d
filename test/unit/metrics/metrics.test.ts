import assert from 'node:assert/strict'
import { ArgumentError } from '../../../lib/errors.ts'
import {
  accuracy,
  averageRanks,
  type ClassLabels,
  f1,
  macroF1,
  matthews,
  microF1,
  mse,
  pearson,
  precision,
  recall,
  spearman,
} from '../../../lib/metrics/index.ts'
import { mean, sum } from '../../../lib/metrics/sum.ts'

const onPairs = { accuracy, precision, recall, f1, microF1, macroF1, matthews, pearson, spearman, mse }
const onClasses = { accuracy, precision, recall, f1, microF1, macroF1, matthews }
const onIndicators = { accuracy, precision, recall, f1, microF1, macroF1 }

describe('metrics', () => {
  it('follow their formulas on a small confusion matrix', () => {
    const predictions = [1, 1, 1, 0, 0, 1, 0, 0]
    const references = [1, 1, 0, 1, 0, 1, 1, 0]
    // 3 true positives, 1 false positive, 2 false negatives, 2 true negatives
    assert.equal(accuracy(predictions, references), 5 / 8)
    assert.equal(precision(predictions, references), 3 / 4)
    assert.equal(recall(predictions, references), 3 / 5)
    assert.equal(f1(predictions, references), 6 / 9)
    assert.equal(f1(predictions, references, { positive: 0 }), 4 / 7)
    assert.equal(macroF1(predictions, references), (6 / 9 + 4 / 7) / 2)
    assert.equal(microF1(predictions, references), 5 / 8)
    assert.ok(Math.abs(matthews(predictions, references) - (3 * 2 - 1 * 2) / Math.sqrt(4 * 5 * 3 * 4)) < 1e-15)
  })

  it('are 1 for perfect predictions, to the last bit', () => {
    const labels = Array.from({ length: 100_003 }, (_, i) => (i * 7919) % 5)
    for (const metric of Object.values({ accuracy, microF1, macroF1, matthews }))
      assert.equal(metric(labels, labels), 1)
    assert.equal(pearson([1, 2, 4], [1, 2, 4]), 1)
    assert.equal(pearson([1, 2, 4], [-1, -2, -4]), -1)
    assert.equal(mse([1, 2, 4], [1, 2, 4]), 0)
  })

  it('read typed arrays and booleans', () => {
    assert.equal(accuracy(new Int32Array([1, 0]), new Int32Array([1, 1])), 0.5)
    assert.equal(mse(new Float32Array([1, 2]), [1, 4]), 2)
    assert.equal(
      microF1(
        [
          [true, false],
          [true, true],
        ],
        [
          [1, 0],
          [0, 1],
        ],
      ),
      0.8,
    )
    assert.deepEqual(Array.from(averageRanks([3, 1, 3, 2])), [3.5, 1, 3.5, 2])
  })

  it('leave their arguments as they are', () => {
    const values = new Float64Array([3, 1, 2])
    pearson(values, [1, 2, 4])
    spearman(values, [1, 2, 4])
    assert.deepEqual(Array.from(values), [3, 1, 2])
  })

  it('refuse empty lists and lists of different lengths', () => {
    for (const [name, metric] of Object.entries(onPairs)) {
      assert.throws(() => metric([], []), { name: 'ArgumentError', code: 'METRIC_EMPTY' }, name)
      assert.throws(
        () => metric([1], [1, 0]),
        { code: 'METRIC_LENGTH', message: /^\w+: expected as many predictions as references, got 1 and 2; / },
        name,
      )
    }
  })

  it('refuse what is no class index', () => {
    for (const [name, metric] of Object.entries(onClasses)) {
      for (const bad of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, '1' as unknown as number]) {
        assert.throws(() => metric([0, bad], [0, 1]), { code: 'METRIC_CLASS' }, `${name} ${bad}`)
        assert.throws(() => metric([0, 1], [0, bad]), { code: 'METRIC_CLASS' }, `${name} ${bad}`)
      }
    }
  })

  it('refuse ragged indicator rows, other numbers in them, and rows against indices', () => {
    for (const [name, metric] of Object.entries(onIndicators)) {
      assert.throws(
        () =>
          metric(
            [[1, 0], [1]],
            [
              [1, 0],
              [0, 1],
            ],
          ),
        { code: 'METRIC_INDICATOR' },
        name,
      )
      assert.throws(() => metric([[1, 0]], [[1, 2]]), { code: 'METRIC_INDICATOR' }, name)
      assert.throws(() => metric([1], [[1, 0]]), ArgumentError, name)
      assert.throws(() => metric([[]], [[]]), { code: 'METRIC_INDICATOR', message: /got empty ones/ }, name)
    }
  })

  it('average over classes or rows as told, and refuse options that do not go together', () => {
    const [predictions, references] = [
      [0, 1, 2, 2, 1],
      [0, 1, 1, 2, 2],
    ]
    // Each class weighted by how often it is there: the recalls make the accuracy.
    assert.equal(recall(predictions, references, { average: 'weighted' }), accuracy(predictions, references))
    assert.equal(f1(predictions, references, { average: 'macro' }), macroF1(predictions, references))
    assert.equal(f1(predictions, references, { average: 'micro' }), microF1(predictions, references))
    const rows = [
      [1, 0],
      [1, 1],
    ]
    for (const [name, metric] of Object.entries({ precision, recall, f1 })) {
      assert.equal(metric(rows, rows), metric(rows, rows, { average: 'micro' }))
      const refused = (options: object, of: ClassLabels = references) =>
        assert.throws(() => metric(of, of, options), { code: 'METRIC_OPTION', message: new RegExp(`^${name}: `) })
      refused({ average: 'binary' })
      refused({ average: 'macro', positive: 1 })
      refused({ average: 'samples' })
      refused({ positive: 1 }, rows)
    }
  })

  it('refuse NaN and infinity in the squared error', () => {
    assert.throws(() => mse([Number.NaN], [1]), { code: 'METRIC_FINITE', message: /got NaN at 0/ })
    assert.throws(() => mse([1], [Number.NEGATIVE_INFINITY]), { code: 'METRIC_FINITE' })
  })

  it('sum without losing small terms', () => {
    assert.equal(sum([1, 1e100, 1, -1e100]), 2)
    assert.equal(sum([Number.POSITIVE_INFINITY, 1]), Number.POSITIVE_INFINITY)
    assert.equal(mean(new Float64Array(1_000_000).fill(0.1)), 0.1)
  })
})
