import assert from 'node:assert/strict'
import { Random } from '../../../lib/data/random.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { wilcoxon } from '../../../lib/statistics/index.ts'

describe('wilcoxon', () => {
  it('exact and permutation agree where there are no ties, also for long lists', () => {
    const random = new Random(5)
    for (const size of [1, 4, 9, 20, 40]) {
      const differences = Array.from({ length: size }, (_, i) => (i + 1) * (random.below(3) === 0 ? -1 : 1))
      for (const alternative of ['two-sided', 'less', 'greater'] as const) {
        const [exact, permutation] = (['exact', 'permutation'] as const).map(method =>
          wilcoxon(differences, { alternative, method }),
        )
        assert.ok(Math.abs(exact!.pValue - permutation!.pValue) <= 1e-14, `${size} ${alternative}`)
      }
    }
  })

  it('counts subsets of ranks: equal to whole-number arithmetic, far into the tails', () => {
    const random = new Random(6)
    for (const size of [3, 10, 30, 60]) {
      let counts = [1n]
      for (let rank = 1; rank <= size; rank++) {
        const before = counts
        counts = Array.from(
          { length: before.length + rank },
          (_, sum) => (before[sum] ?? 0n) + (before[sum - rank] ?? 0n),
        )
      }
      for (const wanted of [2, 4, 16]) {
        const differences = Array.from({ length: size }, (_, i) => (i + 1) * (random.below(wanted) === 0 ? -1 : 1))
        const positive = differences.filter(value => value > 0).reduce((sum, value) => sum + value, 0)
        const above = counts.slice(positive).reduce((sum, count) => sum + count, 0n)
        const expected = Number((above * 10n ** 40n) / 2n ** BigInt(size)) / 1e40
        const { pValue } = wilcoxon(differences, { alternative: 'greater', method: 'exact' })
        assert.ok(Math.abs(pValue / expected - 1) <= 1e-13, `${size}: ${pValue}, ${expected}`)
      }
    }
  })

  it('n positive differences: 2 / 2^n', () => {
    for (const size of [2, 5, 10, 15]) {
      const { pValue, statistic, method } = wilcoxon(Array.from({ length: size }, (_, i) => i + 1))
      assert.deepEqual([pValue, statistic, method], [2 ** (1 - size), 0, 'exact'])
    }
  })

  it('one zero alone says nothing', () => {
    assert.deepEqual(wilcoxon([0]), { statistic: 0, pValue: 1, method: 'permutation', z: undefined })
  })

  it('refuses no differences and those that are no numbers, naming the place', () => {
    assert.throws(() => wilcoxon([]), ArgumentError)
    assert.throws(() => wilcoxon([1, Number.NaN]), /finite differences, got NaN at 1/)
    assert.throws(() => wilcoxon([1, 2, Number.POSITIVE_INFINITY]), /got Infinity at 2/)
  })
})
