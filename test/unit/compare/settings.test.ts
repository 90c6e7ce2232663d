import assert from 'node:assert/strict'
import { contendersOf, type Given, resolveSettings } from '../../../lib/compare/settings.ts'
import { ConfigError } from '../../../lib/errors.ts'

const settingsOf = (methods: string[], variants: Record<string, Given>, shared: Given) =>
  Object.fromEntries(contendersOf(methods, variants, shared).map(({ name, settings }) => [name, settings]))

describe('contenders of a comparison', () => {
  it('a setting goes to the methods that read it, under its full name', () => {
    assert.deepEqual(settingsOf(['head', 'lora', 'bidora'], {}, { rank: 4, epochs: 2, upperLearningRate: 0.01 }), {
      head: { retrainEpochs: 2 },
      lora: { rank: 4, retrainEpochs: 2 },
      bidora: { rank: 4, retrainEpochs: 2, upperLearningRate: 0.01 },
    })
  })

  it('variants: BiDoRA unless named, their own settings before the shared ones', () => {
    const variants = {
      direct: { hypergradient: 'first-order' },
      small: { method: 'lora', rank: 2 },
    }
    const contenders = contendersOf(['small', 'lora'], variants, { rank: 8, searchEpochs: 2 })
    assert.deepEqual(
      contenders.map(({ name, method }) => [name, method]),
      [
        ['small', 'lora'],
        ['lora', 'lora'],
        ['direct', 'bidora'],
      ],
    )
    assert.deepEqual(contenders[0]?.settings, { rank: 2 })
    assert.equal(contenders[2]?.settings.hypergradient, 'first-order')
    assert.equal(contenders[2]?.settings.rank, 8)
  })

  it('a shared setting that a variant switches off does not reach it', () => {
    const published = { hypergradient: 'finite-difference' }
    const variants = { direct: { hypergradient: 'first-order' }, half: { search: false } }
    assert.deepEqual(settingsOf(['bidora'], variants, { ...published, radius: 0.1, unrollSteps: 2 }), {
      bidora: { ...published, radius: 0.1, unrollSteps: 2 },
      direct: { hypergradient: 'first-order', unrollSteps: 2 },
      half: { search: false },
    })
    assert.throws(() => contendersOf([], { direct: { hypergradient: 'first-order', radius: 0.1 } }, {}), /'radius'/)
  })

  it("a default that goes with another setting decides what is read: compat 'official' has the published hypergradient", () => {
    const official = { compat: 'official' }
    assert.deepEqual(settingsOf(['bidora'], {}, { ...official, radius: 0.05 }), {
      bidora: { ...official, radius: 0.05 },
    })
    assert.throws(
      () => settingsOf(['bidora'], { off: official }, { hypergradient: 'exact' }),
      /official' has hypergradient/,
    )
    const both = settingsOf(['bidora'], { off: official }, { radius: 0.05 })
    assert.deepEqual(both, { bidora: {}, off: { ...official, radius: 0.05 } })
  })

  it('compares texts alone', () => {
    const tokens = { task: 'token-classification' }
    assert.throws(
      () => contendersOf(['lora'], {}, tokens),
      /task must be 'text-classification', got 'token-classification'/,
    )
    assert.throws(() => contendersOf([], { tagger: { method: 'lora', ...tokens } }, {}), /task must be/)
    contendersOf(['lora'], {}, { task: 'text-classification' })
  })

  it('a length of its own takes the place of a shared one in the other unit', () => {
    const settings = settingsOf(['lora'], { short: { method: 'lora', retrainSteps: 5 } }, { epochs: 3 })
    assert.deepEqual(settings, { lora: { retrainEpochs: 3 }, short: { retrainSteps: 5 } })
  })

  it('is resolved with seed, problem and defaults', () => {
    const [contender] = contendersOf(['lora'], {}, { rank: 4 })
    const problem = { problemType: 'single-label', labels: ['a', 'b'] } as const
    const { settings, model, fit } = resolveSettings(contender!, { seed: 3, problem })
    assert.deepEqual([settings.rank, settings.seed, settings.labels, settings.loraAlpha], [4, 3, ['a', 'b'], 16])
    assert.deepEqual(
      [model, fit],
      [{ method: 'lora', seed: 3, rank: 4, problemType: 'single-label', labels: ['a', 'b'] }, {}],
    )
  })

  const refusals: [string, () => unknown, RegExp][] = [
    ['no methods', () => contendersOf([], {}, {}), /methods to compare, got none/],
    ['an unknown method', () => contendersOf(['loar'], {}, {}), /got 'loar'.*did you mean 'lora'/],
    ['a method that is none', () => contendersOf(['prefix'], {}, {}), /'prefix', which is none/],
    ['a method twice', () => contendersOf(['lora', 'lora'], {}, {}), /'lora' twice/],
    ['a variant under the name of a method', () => contendersOf([], { lora: {} }, {}), /names of their own.*'lora'/],
    ['a variant whose name is a path', () => contendersOf([], { '../x': {} }, {}), /names of their own/],
    ['a variant of no method', () => contendersOf([], { x: { method: 'y' } }, {}), /variant 'x': method must be/],
    ['an unknown setting', () => contendersOf(['lora'], {}, { rnak: 4 }), /no setting 'rnak'; did you mean 'rank'/],
    ['a mistyped option', () => contendersOf(['lora'], {}, { outptu: 4 }, ['holdOut']), /did you mean 'output'/],
    ['an unknown one of a variant', () => contendersOf([], { x: { rnak: 4 } }, {}), /variant 'x': there is no setting/],
    ['a wrong value', () => contendersOf(['lora'], {}, { rank: 0 }), /compare: lora: rank must be/],
    [
      'a setting that nobody reads',
      () => contendersOf(['head', 'full'], {}, { rank: 4 }),
      /'rank' is read by none of head, full/,
    ],
    [
      'one that the variant does not read',
      () => contendersOf([], { x: { method: 'head', rank: 2 } }, {}),
      /compare: x: .*'rank'/,
    ],
    ['a method among the settings', () => contendersOf(['lora'], {}, { method: 'lora' }), /give methods/],
    ['a seed of a variant', () => contendersOf([], { x: { seed: 1 } }, {}), /variant 'x': 'seed' is the same for all/],
    ['labels of a variant', () => contendersOf([], { x: { labels: ['a', 'b'] } }, {}), /'labels' is the same for all/],
    [
      'one setting twice',
      () => contendersOf(['lora'], {}, { epochs: 1, retrainEpochs: 2 }),
      /short for 'retrainEpochs'/,
    ],
  ]
  for (const [what, work, sentence] of refusals) {
    it(`refuses ${what}`, () => {
      assert.throws(work, (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error))
        assert.match(error.message, /^compare: /)
        assert.match(error.message, sentence)
        return true
      })
    })
  }
})
