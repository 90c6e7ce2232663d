import assert from 'node:assert/strict'
import { Random } from '../../../lib/data/random.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { holm } from '../../../lib/statistics/index.ts'

const close = (got: readonly number[], expected: readonly number[]) => {
  assert.equal(got.length, expected.length)
  got.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) <= 1e-15, `${got} is not ${expected}`)
  })
}

/** What Holm's procedure is short for: Bonferroni's bound of every set of hypotheses that holds this one (closed testing). */
function closedTesting(pValues: readonly number[]): number[] {
  return pValues.map((_, wanted) => {
    let worst = 0
    for (let set = 1; set < 2 ** pValues.length; set++) {
      if (!(set & (1 << wanted))) continue
      const members = pValues.filter((__, i) => set & (1 << i))
      worst = Math.max(worst, Math.min(1, members.length * Math.min(...members)))
    }
    return worst
  })
}

describe('holm', () => {
  it('by hand', () => {
    // R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm")
    close(holm([0.01, 0.02, 0.03, 0.04]), [0.04, 0.06, 0.06, 0.06])
    // The order is that of the arguments: 3 x 0.005, max(0.015, 2 x 0.01), max(0.02, 0.03)
    close(holm([0.03, 0.005, 0.01]), [0.03, 0.015, 0.02])
    close(holm([0.04]), [0.04])
    close(holm([0.5, 0.6, 0.001]), [1, 1, 0.003])
    close(holm([0.2, 0.2]), [0.4, 0.4])
    assert.deepEqual(holm([]), [])
  })

  it('is the shortcut of closed testing', () => {
    const random = new Random(3)
    for (let trial = 0; trial < 200; trial++) {
      const pValues = Array.from({ length: 1 + random.below(6) }, () => random.below(50) / 200)
      close(holm(pValues), closedTesting(pValues))
    }
  })

  it('refuses what is no p-value', () => {
    for (const wrong of [Number.NaN, -0.1, 1.1]) assert.throws(() => holm([0.1, wrong]), ArgumentError)
  })
})
