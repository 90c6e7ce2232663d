import assert from 'node:assert/strict'
import { Random } from '../../../lib/data/random.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { hierarchicalBootstrap } from '../../../lib/statistics/index.ts'

const groups = [
  [0.1, 0.3, -0.2, 0.4],
  [1.1, 0.9, 1.4],
  [-0.5, -0.1, 0.2, 0.3, 0.1],
  [0.6, 0.61],
]
const draw = (seed: number) => ({ random: new Random(seed), resamples: 20_000 })
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const variance = (values: readonly number[]) => meanOf(values.map(value => (value - meanOf(values)) ** 2))

describe('hierarchicalBootstrap', () => {
  it('has the variance of both stages', () => {
    const means = groups.map(meanOf)
    const expected = (variance(means) + meanOf(groups.map(group => variance(group) / group.length))) / groups.length
    for (const seed of [1, 2, 3]) {
      const got = hierarchicalBootstrap(groups, draw(seed))
      assert.ok(Math.abs(got.mean - meanOf(means)) < 1e-15)
      // A variance estimated from 20,000 resamples is off by 1 % (one deviation).
      assert.ok(Math.abs(got.standardError ** 2 / expected - 1) < 0.04, `${got.standardError ** 2}, ${expected}`)
      assert.ok(got.low < got.mean && got.mean < got.high)
    }
  })

  it('draws each drawn group anew: all outcomes of two groups of two, by their chances', () => {
    // Every choice of two groups and of two numbers in each: 2^6 outcomes, counted.
    const two = [
      [0, 1],
      [10, 14],
    ]
    const sums: number[] = []
    for (let choice = 0; choice < 64; choice++) {
      const bit = (place: number) => (choice >> place) & 1
      const half = (at: number) => meanOf([two[bit(at)]![bit(at + 1)]!, two[bit(at)]![bit(at + 2)]!])
      sums.push((half(0) + half(3)) / 2)
    }
    sums.sort((x, y) => x - y)
    // Between two values the quantile of a sample jumps: shares in the middle of a step are compared.
    for (const share of [0.1, 0.24, 0.4, 0.6, 0.72, 0.9]) {
      const place = Math.floor(share * 64)
      if (sums[place - 1] !== sums[place] || sums[place + 1] !== sums[place]) continue
      const level = Math.abs(2 * share - 1)
      const got = hierarchicalBootstrap(two, { ...draw(4), level })
      assert.equal(share < 0.5 ? got.low : got.high, sums[place], `at ${share}`)
    }
    assert.ok(Math.abs(variance(sums) - hierarchicalBootstrap(two, draw(5)).standardError ** 2) < 0.04 * variance(sums))
  })

  it('without chance there is no interval, and one seed gives one answer', () => {
    assert.deepEqual(hierarchicalBootstrap([[0.5], [0.5]], draw(1)), {
      mean: 0.5,
      low: 0.5,
      high: 0.5,
      standardError: 0,
    })
    assert.deepEqual(hierarchicalBootstrap(groups, draw(9)), hierarchicalBootstrap(groups, draw(9)))
    assert.notDeepEqual(hierarchicalBootstrap(groups, draw(9)), hierarchicalBootstrap(groups, draw(10)))
  })

  for (const [what, given, options] of [
    ['no groups', [], {}],
    ['an empty group', [[1], []], {}],
    ['a number that is none', [[1, Number.NaN]], {}],
    ['one resample', [[1, 2]], { resamples: 1 }],
    ['a level of 95', [[1, 2]], { level: 95 }],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => hierarchicalBootstrap(given, { random: new Random(0), ...options }), ArgumentError)
    })
  }
})
