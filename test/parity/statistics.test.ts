import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../lib/data/random.ts'
import {
  hierarchicalBootstrap,
  quantile,
  summarize,
  type WilcoxonOptions,
  wilcoxon,
} from '../../lib/statistics/index.ts'
import { normalTail } from '../../lib/statistics/normal.ts'
import { makerHash, root } from './golden.ts'

type Options = Required<WilcoxonOptions>
/** Zero method, side, correction, method; then scipy's statistic, p-value and z. */
type Row = [Options['zeroMethod'], Options['alternative'], boolean, Options['method'], number, Expected, Expected]

const read = <T>(file: string): T => JSON.parse(readFileSync(join(root, 'test/golden/statistics', file), 'utf8')) as T
const casesOf = <T>(file: string): T[] => read<{ cases: T[] }>(file).cases
const manifest = read<{ scriptSha256: string; tolerance: Record<string, number> }>('manifest.json')

type Expected = number | 'nan' | null

/** Equal relative to the value; null is nothing. */
function assertClose(got: number | undefined, expected: Expected, tolerance: number, where: string, slack = 0): void {
  if (expected === null) assert.equal(got, undefined, where)
  else if (expected === 'nan') assert.ok(Number.isNaN(got), `${where}: ${got}, expected NaN`)
  else {
    const most = tolerance * Math.abs(expected) + slack
    assert.ok(Math.abs(got! - expected) <= most, `${where}: ${got}, expected ${expected}`)
  }
}

describe('statistics, against scipy', () => {
  it('the golden files are those of their maker', () => {
    assert.equal(manifest.scriptSha256, makerHash('statistics.py'))
  })

  for (const { name, differences, results } of casesOf<{ name: string; differences: number[]; results: Row[] }>(
    'wilcoxon.json',
  )) {
    it(`wilcoxon: ${name}`, () => {
      const methods = new Set<string>()
      for (const [zeroMethod, alternative, correction, method, statistic, pValue, z] of results) {
        const where = [zeroMethod, alternative, correction, method].join(' ')
        const got = wilcoxon(differences, { zeroMethod, alternative, correction, method })
        assert.equal(got.statistic, statistic, where)
        // scipy has the upper tail of the exact distribution as one minus the rest, which rounds.
        const slack = got.method === 'exact' ? manifest.tolerance.exact! : 0
        assertClose(got.pValue, pValue, manifest.tolerance.wilcoxon!, `${where}: p`, slack)
        if (method === 'asymptotic') assertClose(got.z, z, manifest.tolerance.wilcoxon!, `${where}: z`)
        else if (method !== 'auto') assert.equal(got.z, undefined)
        methods.add(got.method)
      }
      assert.ok(results.length >= 27 && methods.size > 1)
    })
  }

  it('the tail of the normal distribution', () => {
    const cases = casesOf<{ z: number; tail: number }>('normal.json')
    for (const { z, tail } of cases) assertClose(normalTail(z), tail, manifest.tolerance.normal!, `z ${z}`)
    assert.ok(cases.length >= 30)
  })

  it('mean, standard deviation and quantiles', () => {
    type Case = { values: number[]; mean: number; spread: number | null; quantiles: [number, number][] }
    for (const { values, mean, spread, quantiles } of casesOf<Case>('summary.json')) {
      const got = summarize(values)
      assertClose(got.mean, mean, 1e-13, 'mean')
      assertClose(got.spread, spread, 1e-13, 'spread')
      const sorted = values.toSorted((x, y) => x - y)
      for (const [share, expected] of quantiles) assertClose(quantile(sorted, share), expected, 1e-13, `at ${share}`)
    }
  })

  type Interval = {
    name: string
    sample: number[]
    mean: number
    around: [number, number, number, number]
    percentile: [number, number]
    basic: [number, number]
    standardError: number
  }
  for (const { name, sample, mean, around, standardError } of casesOf<Interval>('bootstrap.json')) {
    it(`bootstrap of one group: ${name}`, () => {
      const options = { random: new Random(7, name), resamples: 20_000 }
      const got = hierarchicalBootstrap([sample], options)
      const [lowest, low, high, highest] = around
      const slack = 1e-12 * Math.abs(mean)
      assertClose(got.mean, mean, 1e-12, 'mean')
      assert.ok(got.low >= lowest - slack && got.low <= low + slack, `low ${got.low} not in ${lowest} to ${low}`)
      assert.ok(
        got.high >= high - slack && got.high <= highest + slack,
        `high ${got.high} not in ${high} to ${highest}`,
      )
      assertClose(got.standardError, standardError, 0.03, 'standard error')
      const basic = hierarchicalBootstrap([sample], { ...options, random: new Random(7, name), method: 'basic' })
      assertClose(basic.low, 2 * got.mean - got.high, 1e-12, 'basic, low')
      assertClose(basic.high, 2 * got.mean - got.low, 1e-12, 'basic, high')
    })
  }
})
