import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { planOf } from '../../../lib/compare/plan.ts'
import type { CompareOptions } from '../../../lib/compare/types.ts'
import { ConfigError } from '../../../lib/errors.ts'

const base: CompareOptions = {
  model: 'm',
  output: 'o',
  datasets: ['sst2', 'rte'],
  methods: ['lora', 'dora', 'bidora'],
  seeds: [0, 1],
  device: 'cpu',
}
const pairsOf = (pairs?: CompareOptions['pairs']) => planOf({ ...base, pairs }).pairs.map(pair => pair.join('>'))

describe('the plan of a comparison', () => {
  it('pairs: each with the first, all, or those named', () => {
    assert.deepEqual(pairsOf(), ['dora>lora', 'bidora>lora'])
    assert.deepEqual(pairsOf('all'), ['dora>lora', 'bidora>lora', 'bidora>dora'])
    assert.deepEqual(pairsOf([['lora', 'bidora']]), ['lora>bidora'])
  })

  it('jobs and threads share the cores', () => {
    const cores = availableParallelism()
    const jobs = Math.min(Math.ceil(cores / 2), 12)
    assert.deepEqual([planOf(base).jobs, planOf(base).threads], [jobs, Math.floor(cores / jobs)])
    assert.deepEqual(
      [planOf({ ...base, jobs: 1, threads: 3 }).jobs, planOf({ ...base, jobs: 1, threads: 3 }).threads],
      [1, 3],
    )
    assert.equal(planOf({ ...base, jobs: 9999 }).jobs, Math.min(cores, 12))
  })

  it('examples in memory are a data set', () => {
    const { datasets: _, ...rest } = base
    const { datasets } = planOf({ ...rest, examples: [{ text: 'a', label: 'x' }] })
    assert.equal((datasets[0] as { name: string }).name, 'examples')
  })

  const refusals: [string, Partial<CompareOptions> | Record<string, unknown>, RegExp][] = [
    ['no seeds', { seeds: [] }, /seeds as different whole numbers/],
    ['a seed twice', { seeds: [1, 1] }, /seeds as different/],
    ['seeds that are no numbers', { seeds: ['a'] }, /seeds as different/],
    ['an unknown data set', { datasets: ['sst3'] }, /data set: expected one of/],
    ['no data', { datasets: undefined }, /data sets \(or examples\)/],
    ['two kinds of data', { examples: [] }, /datasets or examples, got both/],
    ['a data set twice', { datasets: ['rte', 'rte'] }, /under different names/],
    ['a name that is a path', { datasets: [{ name: 'a/b', train: [] }] }, /a name of letters/],
    ['a pair of strangers', { pairs: [['bidroa', 'lora']] }, /pairs of two.*did you mean 'bidora'/],
    ['a pair of one', { pairs: [['lora', 'lora']] }, /pairs of two/],
    ['a pair of three', { pairs: [['lora', 'dora', 'bidora']] }, /pairs of two/],
    ['no jobs', { jobs: 0 }, /jobs as a whole number/],
    ['a hold-out of all', { holdOut: 1 }, /holdOut as a share between 0 and 1/],
    ['two kinds of rows to score on', { holdOut: 0.2, scoreOn: 'test' }, /give one/],
    ['a part that is none', { scoreOn: 'train' }, /'validation' or 'test'/],
    ['methods as one text', { methods: 'lora' }, /methods as a list/],
    ['threads that are no number', { threads: 0 }, /threads as a whole number/],
  ]
  for (const [what, more, sentence] of refusals) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => planOf({ ...base, ...more } as CompareOptions),
        (error: unknown) => {
          assert.ok(error instanceof ConfigError, String(error))
          assert.match(error.message, sentence)
          return true
        },
      )
    })
  }
})
