import assert from 'node:assert/strict'
import { judge, renderQuality } from '../../bench/quality/report.ts'
import type { QualityLine } from '../../bench/quality/results.ts'

/** Five seeds of two data sets: the faithful scores, and a kind that differs by what is given. */
function linesOf(differences: Readonly<Record<string, readonly number[]>>): QualityLine[] {
  return Object.entries(differences).flatMap(([dataset, values]) =>
    values.flatMap((difference, seed) =>
      (['faithful', 'cheap'] as const).map(kind => ({
        dataset,
        kind,
        seed,
        metric: 'accuracy',
        score: 80 + seed + (kind === 'cheap' ? difference : 0),
        seconds: 1,
      })),
    ),
  )
}

describe('bench/quality', () => {
  it('pairs a kind with the faithful one by data set and seed', () => {
    const [verdict] = judge(linesOf({ a: [1, 2, 3, 4, 5], b: [0, 0, 0, 0, 0.5] }))
    assert.equal(verdict!.pairs, 10)
    assert.deepEqual(verdict!.byDataset, { a: 3, b: 0.1 })
    assert.ok(Math.abs(verdict!.mean - 1.55) < 1e-12)
    assert.ok(verdict!.low > 0 && verdict!.low < 1.55 && verdict!.high > 1.55)
    assert.ok(verdict!.equal)
  })

  it('finds unequal what may be half a point worse, or is a point worse on one data set', () => {
    const equal = (differences: Record<string, number[]>) => judge(linesOf(differences))[0]!.equal
    assert.ok(equal({ a: [0, 0.1, -0.1, 0, 0], b: [0.2, -0.2, 0, 0, 0] }))
    assert.ok(!equal({ a: [-1, 1, -1, 1, -1], b: [-1, 1, -1, 1, 0] })) // too wide an interval
    assert.ok(!equal({ a: [-1.2, -1.2, -1.2, -1.2, -1.2], b: [3, 3, 3, 3, 3] })) // one data set
  })

  it('leaves out what has no pair, and says how many there are', () => {
    const lines = linesOf({ a: [1, 1, 1] }).filter(({ kind, seed }) => kind === 'cheap' || seed > 0)
    assert.equal(judge(lines)[0]!.pairs, 2)
    assert.match(
      renderQuality(lines),
      /\| cheap \| 82\.0 ± 1\.0 \(\+1\.00\) \| \+1\.00 \[\+1\.00, \+1\.00\], 2 pairs \| not known yet \|/,
    )
    assert.deepEqual(judge([]), [])
  })
})
