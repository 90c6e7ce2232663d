import assert from 'node:assert/strict'
import { ArgumentError } from '../../../lib/errors.ts'
import { groupByLength } from '../../../lib/text/index.ts'

const lengths = Array.from({ length: 1003 }, (_, i) => 1 + ((i * 7919) % 97))

describe('groupByLength', () => {
  it('uses every index once', () => {
    const batches = groupByLength(lengths, { batchSize: 16, seed: 3 })
    assert.deepEqual(
      batches.flat().sort((a, b) => a - b),
      [...lengths.keys()],
    )
    assert.deepEqual(
      batches.filter(batch => batch.length !== 16).map(batch => batch.length),
      [1003 % 16],
    )
  })

  it('pads little', () => {
    const padded = (batches: number[][]): number =>
      batches.reduce((sum, batch) => sum + batch.length * Math.max(...batch.map(i => lengths[i]!)), 0)
    const real = lengths.reduce((sum, length) => sum + length, 0)
    assert.ok(padded(groupByLength(lengths, { batchSize: 16, seed: 3 })) < 1.1 * real)
    assert.ok(padded(groupByLength(lengths, { batchSize: 16, seed: 3, window: 1 })) > 1.6 * real)
  })

  it('depends on its seed alone', () => {
    const of = (seed: number): number[][] => groupByLength(lengths, { batchSize: 8, seed })
    assert.deepEqual(of(7), of(7))
    assert.notDeepEqual(of(7), of(8))
    assert.notDeepEqual(of(7), of(7 + 2 ** 32))
    assert.notDeepEqual(of(-7), of(7))
    // Pinned: a checkpoint of another version or machine goes on with the same batches.
    assert.deepEqual(groupByLength([3, 1, 2, 5, 4, 9], { batchSize: 2, seed: 0 }), [
      [5, 3],
      [2, 1],
      [4, 0],
    ])
  })

  it('takes no texts', () => {
    assert.deepEqual(groupByLength([], { batchSize: 4, seed: 0 }), [])
  })

  it('refuses sizes that are none', () => {
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => groupByLength(lengths, { batchSize: wrong, seed: 0 }), ArgumentError)
      assert.throws(() => groupByLength(lengths, { batchSize: 4, seed: 0, window: wrong }), ArgumentError)
    }
    assert.throws(() => groupByLength(lengths, { batchSize: 4, seed: 0.5 }), ArgumentError)
  })
})
