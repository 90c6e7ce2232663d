import assert from 'node:assert/strict'
import { BiDoRA } from '../../../lib/bidora.ts'
import { compare } from '../../../lib/compare.ts'
import {
  assertCallback,
  assertInput,
  assertOptions,
  assertSignal,
  assertSource,
  refuseUnknown,
} from '../../../lib/host/check-arguments.ts'

/* What is refused before any thread is started, so that no addon is needed here. */
describe('bidora', () => {
  const any = (value: unknown) => value as never

  const refused: readonly [string, () => Promise<unknown>, object][] = [
    [
      'a model that is no text',
      () => BiDoRA.fromPretrained(any(3)),
      { name: 'ArgumentError', message: /folder of a pretrained model/ },
    ],
    ['an empty path', () => BiDoRA.fromPretrained(''), { name: 'ArgumentError' }],
    [
      'options that are no object',
      () => BiDoRA.fromPretrained('.', any('bidora')),
      { name: 'ArgumentError', message: /object of options/ },
    ],
    [
      'an unknown option',
      () => BiDoRA.fromPretrained('.', any({ rnak: 3 })),
      { name: 'ConfigError', message: /did you mean 'rank'/ },
    ],
    [
      'a value that is not allowed',
      () => BiDoRA.fromPretrained('.', { rank: 0 }),
      { name: 'ConfigError', message: /rank/ },
    ],
    [
      'a model that is not there',
      () => BiDoRA.fromPretrained('/nowhere'),
      { name: 'SetupError', code: 'MODEL_NOT_FOUND' },
    ],
    ['a saved model that is no text', () => BiDoRA.load(any(undefined)), { name: 'ArgumentError' }],
    [
      'an unknown option of load',
      () => BiDoRA.load('.', any({ bsae: 'x' })),
      { name: 'ConfigError', message: /did you mean 'base'/ },
    ],
    ['a base that is not there', () => BiDoRA.load('.', { base: '/nowhere' }), { name: 'SetupError' }],
    ['compare', () => compare({ model: 'x', methods: ['lora'], seeds: [0], output: 'y' }), { code: 'CONFIG_VALUE' }],
  ]
  for (const [what, call, error] of refused) {
    it(`refuses ${what}`, () => assert.rejects(call(), error))
  }

  it('takes any source but a text', () => {
    for (const source of [[], new Set(), (function* () {})(), (async function* () {})()]) {
      assert.equal(assertSource<unknown>(source, 'here', 'examples'), source)
    }
    for (const wrong of ['text', 3, null, undefined, {}]) {
      assert.throws(() => assertSource(any(wrong), 'here', 'examples'), {
        name: 'ArgumentError',
        message: /^here: expected examples/,
      })
    }
  })

  it('takes texts and pairs of texts to predict for, and names the place of another', () => {
    const check = assertInput('here')
    for (const input of ['a', { text: 'a' }, { text: 'a', pair: 'b' }]) check(input, 0)
    for (const wrong of ['', ' ', 3, null, [], {}, { text: 3 }, { text: 'a', pair: 3 }, { text: 'a', pair: '' }]) {
      assert.throws(() => check(wrong, 7), { name: 'ArgumentError', message: /input 7/ })
    }
    for (const words of [['a'], ['a', 'b'], { tokens: ['a', 'b'] }]) check(words, 0)
    for (const wrong of [['a', ''], [' '], ['a', 3], { tokens: [] }, { tokens: ['a', null] }, { tokens: 'a' }])
      assert.throws(() => check(wrong, 7), { name: 'ArgumentError', message: /input 7 .* or a list of words/ })
  })

  it('refuses callbacks, signals and options of another kind', () => {
    assertCallback(undefined, 'here', 'onProgress')
    assert.throws(() => assertCallback(3, 'here', 'onProgress'), /onProgress as a function/)
    assert.throws(() => assertSignal({ aborted: false }, 'here'), /AbortSignal/)
    assert.throws(() => assertOptions(any([]), 'here'), /object of options/)
    assert.throws(() => refuseUnknown({ signl: 1 }, ['signal'], 'here'), /did you mean 'signal'/)
    assert.throws(() => refuseUnknown({ zzzzzzzz: 1 }, ['signal'], 'here'), /known are signal/)
  })
})
