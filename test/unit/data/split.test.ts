import assert from 'node:assert/strict'
import { assertEnoughForTwoLevels, lowerCount, Random, stratifiedSplit } from '../../../lib/data/index.ts'

/** `counts` rows of each class, in random order. */
function keys(counts: Record<string, number>): string[] {
  const list = Object.entries(counts).flatMap(([key, count]) => Array.from({ length: count }, () => key))
  const random = new Random(9)
  return list
    .map(key => ({ key, at: random.uint32() }))
    .sort((x, y) => x.at - y.at)
    .map(({ key }) => key)
}

const count = (rows: readonly string[], indices: readonly number[], key: string) =>
  indices.filter(i => rows[i] === key).length

describe('stratified split', () => {
  it('has exact sizes, every row once, and each class by its share', () => {
    const rows = keys({ a: 703, b: 297, c: 11 })
    const { first, second } = stratifiedSplit(rows, { size: 800, seed: 0 })
    assert.equal(first.length, 800)
    assert.deepEqual(
      [...first, ...second].sort((x, y) => x - y),
      rows.map((_, i) => i),
    )
    for (const [key, total] of [
      ['a', 703],
      ['b', 297],
      ['c', 11],
    ] as const) {
      assert.ok(Math.abs(count(rows, first, key) - (total * 800) / 1011) < 1, key)
    }
  })

  it('gives ascending indices, the same for one seed, others for another seed or stream', () => {
    const rows = keys({ a: 50, b: 50 })
    const split = (seed: number, stream?: string) => stratifiedSplit(rows, { size: 80, seed, stream }).first
    assert.deepEqual(split(1), split(1))
    assert.notDeepEqual(split(1), split(2))
    assert.notDeepEqual(split(1), split(1, 'other'))
    assert.deepEqual(
      split(1),
      split(1).sort((x, y) => x - y),
    )
  })

  it('has each class of two rows or more in both parts', () => {
    const rows = keys({ many: 100, two: 2, three: 3, one: 1 })
    for (const size of [5, 30, 85, 101]) {
      const { first, second } = stratifiedSplit(rows, { size, seed: 3 })
      assert.equal(first.length, size)
      for (const key of ['many', 'two', 'three']) {
        assert.ok(count(rows, first, key) > 0 && count(rows, second, key) > 0, `${key} at ${size}`)
      }
    }
  })

  it('keeps its size where there are more classes than rows in a part', () => {
    const rows = Array.from({ length: 40 }, (_, i) => `class ${i % 20}`)
    for (const size of [0, 3, 19, 37, 40]) {
      const { first, second } = stratifiedSplit(rows, { size, seed: 3 })
      assert.deepEqual([first.length, second.length], [size, 40 - size])
    }
  })

  it('splits rows without classes, none, and very many', () => {
    assert.equal(stratifiedSplit(Array(10).fill(null), { size: 8, seed: 0 }).first.length, 8)
    assert.deepEqual(stratifiedSplit([], { size: 0, seed: 0 }), { first: [], second: [] })
    const many = Array.from({ length: 300_000 }, (_, i) => i % 2)
    assert.equal(stratifiedSplit(many, { size: 240_000, seed: 0 }).first.length, 240_000)
  })

  it('keeps given rows out of the first part, with the shares of all', () => {
    const rows = keys({ a: 60, b: 40 })
    const fixed = new Set(rows.map((_, i) => i).filter(i => i % 3 === 0))
    const { first } = stratifiedSplit(rows, { size: 20, seed: 0, second: fixed })
    assert.ok(first.every(i => !fixed.has(i)))
    assert.equal(count(rows, first, 'a'), 12)
  })

  it('refuses sizes that are not there', () => {
    for (const size of [-1, 11, 0.5, Number.NaN]) {
      assert.throws(() => stratifiedSplit(Array(10).fill(null), { size, seed: 0 }), {
        name: 'ArgumentError',
        code: 'DATA_SPLIT',
      })
    }
  })
})

describe('rows for two levels', () => {
  const least = (rows: number, lowerFraction: number, perLevel?: number): number | undefined => {
    try {
      assertEnoughForTwoLevels(rows, { lowerFraction, perLevel })
      return undefined
    } catch (error) {
      return (error as { details: { least: number } }).details.least
    }
  }

  it('are enough, or the least number is named', () => {
    assert.throws(() => assertEnoughForTwoLevels(2, { lowerFraction: 0.8, where: 'train.csv' }), {
      name: 'DataError',
      code: 'DATA_TOO_FEW',
      message: /^train\.csv: expected at least 3 rows \(1 for each level at lowerFraction 0\.8\), got 2; /,
    })
    assert.equal(least(3, 0.8), undefined)
  })

  it('the least number is the least: it does and one fewer does not', () => {
    for (const lowerFraction of [0.1, 0.5, 0.8, 0.9, 0.999]) {
      for (const perLevel of [1, 2, 7, 32]) {
        const named = least(0, lowerFraction, perLevel)!
        assert.equal(least(named, lowerFraction, perLevel), undefined)
        assert.equal(least(named - 1, lowerFraction, perLevel), named)
        const lower = lowerCount(named, lowerFraction)
        assert.ok(lower >= perLevel && named - lower >= perLevel)
      }
    }
  })

  it('are found at once for a fraction near 1, and never for 1', () => {
    assert.ok(least(10, 1 - 1e-9)! >= 4e8)
    for (const bad of [0, 1, -1, Number.NaN]) {
      assert.throws(() => assertEnoughForTwoLevels(10, { lowerFraction: bad }), { name: 'ArgumentError' })
    }
  })
})
