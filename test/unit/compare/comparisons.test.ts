import assert from 'node:assert/strict'
import { compareAll } from '../../../lib/compare/comparisons.ts'
import type { ReportRun } from '../../../lib/compare/types.ts'
import { reportDataset } from './report-dataset.ts'

const dataset = (name: string, higherIsBetter = true) =>
  reportDataset(name, higherIsBetter ? 'accuracy' : 'loss', higherIsBetter)

/** Runs with these scores, seed by seed; undefined: failed. */
function runsOf(scores: Record<string, Record<string, (number | null | undefined)[]>>): ReportRun[] {
  return Object.entries(scores).flatMap(([name, byDataset]) =>
    Object.entries(byDataset).flatMap(([where, values]) =>
      values.map((score, seed) => {
        const run = { dataset: where, method: name, seed, fingerprint: '' }
        if (score === undefined)
          return { ...run, status: 'failed', error: { name: '', code: null, message: '' } } as const
        return { ...run, status: 'done', score } as ReportRun
      }),
    ),
  )
}

describe('comparisons', () => {
  const seeds = [0, 1, 2]
  const datasets = [dataset('x'), dataset('y')]

  it('pairs runs by data set and seed; gains are the method less what it is compared with', () => {
    const runs = runsOf({
      lora: { x: [0.1, 0.2, 0.3], y: [0.5, 0.5, 0.5] },
      bidora: { x: [0.2, 0.4, 0.2], y: [0.7, 0.55, 0.53] },
      dora: { x: [0.2, 0.3, 0.4], y: [0.6, 0.61, 0.62] },
    })
    const [bidora, dora] = compareAll(
      [
        ['bidora', 'lora'],
        ['dora', 'lora'],
      ],
      { datasets, seeds, runs },
    )
    assert.deepEqual(
      bidora!.differences.map(({ dataset: name, seed, gain }) => [name, seed, gain]),
      [
        ['x', 0, 0.1],
        ['x', 1, 0.2],
        ['x', 2, -0.1],
        ['y', 0, 0.2],
        ['y', 1, 0.05],
        ['y', 2, 0.03],
      ],
    )
    // 0.4 - 0.2 and 0.7 - 0.5 are equal but for rounding: ties. scipy 1.17:
    // stats.wilcoxon([0.1, 0.2, -0.1, 0.2, 0.05, 0.03]) gives statistic 3.5 and p = 0.1875 (all signs).
    assert.deepEqual(
      [bidora!.test?.statistic, bidora!.test?.pValue, bidora!.test?.method, bidora!.test?.smallest],
      [3.5, 0.1875, 'permutation', 0.03125],
    )
    assert.ok(Math.abs(bidora!.gains.x!.mean - 0.2 / 3) < 1e-12)
    assert.ok(Math.abs(bidora!.gain! - (0.2 / 3 + 0.28 / 3) / 2) < 1e-12)
    assert.ok(Math.abs(bidora!.gains.x!.spread! - 0.152752523165195) < 1e-12)
    assert.ok(bidora!.interval!.low < bidora!.gain! && bidora!.gain! < bidora!.interval!.high)
    // All six of dora are better: 2 / 2^6, the smallest there is; Holm: 2 x 0.03125, then max with 0.1875.
    assert.deepEqual([dora!.test?.pValue, dora!.test?.holm, bidora!.test?.holm], [0.03125, 0.0625, 0.1875])
    assert.deepEqual([dora!.missing, dora!.note], [0, null])
  })

  it('a score that is better low counts the other way round', () => {
    const runs = runsOf({ a: { z: [1, 2] }, b: { z: [0.5, 1] } })
    const [comparison] = compareAll([['b', 'a']], { datasets: [dataset('z', false)], seeds: [0, 1], runs })
    assert.deepEqual(
      comparison!.differences.map(({ gain }) => gain),
      [0.5, 1],
    )
  })

  it('failed runs leave their pairs out, and it is said', () => {
    const runs = runsOf({
      a: { x: [0.1, undefined, 0.3], y: [0.1, 0.2, 0.3] },
      b: { x: [0.2, 0.3, 0.1], y: [0.4, 0.4, 0.4] },
    })
    const [comparison] = compareAll([['b', 'a']], { datasets, seeds, runs })
    assert.equal(comparison!.differences.length, 5)
    assert.deepEqual([comparison!.missing, comparison!.note], [1, '1 pairs are missing, because a run failed'])
    assert.ok(comparison!.test && comparison!.interval)
  })

  for (const [what, scores, given, note, interval] of [
    ['one seed', { a: { x: [0.1], y: [0.1] }, b: { x: [0.2], y: [0.3] } }, [0], /one seed says nothing/, false],
    [
      'a score that is not defined',
      { a: { x: [0.1, null], y: [0.1, 0.2] }, b: { x: [0.2, 0.2], y: [0.1, 0.3] } },
      [0, 1],
      /not defined/,
      false,
    ],
    [
      'one pair',
      { a: { x: [0.1, undefined], y: [] }, b: { x: [0.2, 0.2], y: [] } },
      [0, 1],
      /1 pairs of finished runs/,
      false,
    ],
    [
      'equal pairs',
      { a: { x: [0.1, 0.2], y: [0.1, 0.2] }, b: { x: [0.1, 0.2], y: [0.1, 0.2] } },
      [0, 1],
      /all pairs are equal/,
      true,
    ],
  ] as const) {
    it(`no test for ${what}, and why`, () => {
      const runs = runsOf(scores as unknown as Parameters<typeof runsOf>[0])
      const [comparison] = compareAll([['b', 'a']], { datasets, seeds: given, runs })
      assert.equal(comparison!.test, null)
      assert.equal(comparison!.interval !== null, interval)
      assert.match(comparison!.note!, note)
    })
  }
})
