import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ConfigError } from '../../../lib/errors.ts'
import { ALIASES, FIELDS, type FieldName } from '../../../lib/train/config.ts'
import { accepts, defaultOf, METHODS } from '../../../lib/train/field.ts'
import { PRESETS } from '../../../lib/train/presets.ts'
import { describeSettings, fitSettings, flagOf, modelSettings, valueFromText } from '../../../lib/train/settings.ts'

const names = Object.keys(FIELDS) as FieldName[]
const fit = (model: object, options: object) => fitSettings(modelSettings(model), options)

/** The error's sentence, after checking that it is a ConfigError with a code. */
function refusal(work: () => unknown, code: string): string {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.equal(error.code, code)
    return error.message
  }
  throw new assert.AssertionError({ message: `expected a ConfigError ${code}, got none` })
}

describe('settings', () => {
  it('fills in defaults by method', () => {
    const { settings } = modelSettings({})
    assert.equal(settings.method, 'bidora')
    assert.equal(settings.magnitudeAxis, 'out')
    assert.equal(settings.detachNorm, false)
    assert.equal(modelSettings({ method: 'dora' }).settings.detachNorm, true)
    const bidora = fit({}, {})
    assert.deepEqual([bidora.searchEpochs, bidora.lowerFraction, bidora.unrollSteps, bidora.radius], [1, 0.8, 1, 0.01])
    assert.deepEqual([bidora.hypergradient, bidora.orthogonality, bidora.upperWeightDecay], ['first-order', 1e-5, 0])
    assert.equal(bidora.lowerLearningRate, bidora.retrainLearningRate)
    assert.equal(fit({ method: 'full' }, {}).retrainLearningRate, 5e-5)
  })

  it('epochs and learningRate are short for the retrain settings', () => {
    const settings = fit({}, { epochs: 5, learningRate: 0.25 })
    assert.deepEqual(
      [settings.retrainEpochs, settings.retrainLearningRate, settings.lowerLearningRate],
      [5, 0.25, 0.25],
    )
    assert.match(
      refusal(() => fit({}, { epochs: 1, retrainEpochs: 2 }), 'CONFIG_TWICE'),
      /'retrainEpochs'/,
    )
  })

  it('a preset fills in what is not given and what the method reads', () => {
    const settings = fit({ preset: 'paper', rank: 6 }, { upperLearningRate: 0.5 })
    assert.equal(settings.rank, 6)
    assert.equal(settings.magnitudeAxis, 'in')
    assert.equal(settings.adamBeta2, 0.98)
    assert.equal(settings.upperLearningRate, 0.5)
    assert.equal(settings.searchSteps, 20_000)
    assert.equal(fit({ preset: 'paper' }, { searchEpochs: 2 }).searchSteps, undefined)
    assert.equal(modelSettings({ method: 'lora', preset: 'paper' }).settings.magnitudeAxis, 'out')
    const official = fit({ preset: 'paper', compat: 'official' }, {})
    assert.deepEqual([official.rank, official.adamEpsilon, official.compat], [4, 1e-6, 'official'])
  })

  it('every value of a preset is one that its setting accepts', () => {
    for (const preset of Object.values(PRESETS)) {
      for (const [name, value] of Object.entries(preset)) {
        assert.ok(accepts(FIELDS[name as FieldName], value), `${name} = ${value}`)
      }
    }
  })

  it('every default is accepted by its own setting', () => {
    for (const name of names) {
      for (const method of METHODS) {
        const value = defaultOf(FIELDS[name] as never, method)
        if (value !== undefined) assert.ok(accepts(FIELDS[name], value), `${name} = ${value}`)
      }
    }
  })

  it('settings that follow another one, and defaults that go with another one', () => {
    const settings = fit({}, { learningRate: 0.5, batchSize: 7, schedule: 'cosine', directionsFrom: 'searched' })
    assert.deepEqual(
      [
        settings.stepSize,
        settings.upperBatchSize,
        settings.upperSchedule,
        settings.upperWarmupRatio,
        settings.headFrom,
      ],
      [0.5, 4, 'cosine', 0.1, 'searched'],
    )
    assert.equal(fit({}, { batchSize: 7, hypergradient: 'exact' }).upperBatchSize, 7)
    assert.equal(fit({}, { lowerLearningRate: 0.25 }).stepSize, 0.25)
    assert.equal(fit({}, { upperBatchSize: 3 }).upperBatchSize, 3)
    assert.equal(fit({}, { hypergradient: 'sama' }).radius, 1)
    assert.equal(modelSettings({ method: 'adapter' }).settings.adapterActivation, 'silu')
    assert.equal(modelSettings({ method: 'adapter', adapterKind: 'pfeiffer' }).settings.adapterActivation, 'relu')
    assert.equal(fit({}, { hypergradient: 'sama', radius: 0.5 }).radius, 0.5)
    // A preset's value for what it does not mean is not taken.
    assert.equal(fit({ preset: 'paper' }, { hypergradient: 'sama' }).radius, 1)
    assert.equal(fit({ preset: 'paper' }, { search: false }).searchSteps, undefined)
    const line = describeSettings().find(({ name }) => name === 'radius')
    assert.match(line?.doc ?? '', /Read with hypergradient finite-difference or sama. Default .* sama: 1.$/)
  })

  it('the seed and the length of the model hold for fit unless it is given others', () => {
    const model = modelSettings({ seed: 7, maxLength: 40 })
    assert.deepEqual([fitSettings(model, {}).seed, fitSettings(model, {}).maxLength], [7, 40])
    assert.equal(fitSettings(model, { seed: 8 }).seed, 8)
  })

  it('undefined means not given', () => {
    assert.equal(modelSettings({ rank: undefined }).settings.rank, 8)
    assert.equal(fit({ method: 'lora' }, { radius: undefined }).radius, 0.01)
  })

  describe('refuses', () => {
    const cases: [string, object, object, string, RegExp][] = [
      [
        'an initial rank below the one that is to be left',
        { method: 'adalora', initialRank: 7 },
        {},
        'CONFIG_TOGETHER',
        /initialRank must be at least rank \(8\)/,
      ],
      [
        "what the authors' code does not read",
        { compat: 'official', loraAlpha: 8 },
        {},
        'CONFIG_METHOD',
        /compat 'official' does not read 'loraAlpha'; remove it or take 'none'/,
      ],
      [
        'the axis, which it does not choose',
        { compat: 'official', magnitudeAxis: 'in' },
        {},
        'CONFIG_METHOD',
        /compat 'official' does not read 'magnitudeAxis'/,
      ],
      [
        'a hypergradient that it does not have',
        { compat: 'official' },
        { hypergradient: 'exact' },
        'CONFIG_TOGETHER',
        /compat 'official' has hypergradient 'finite-difference' alone, got 'exact'/,
      ],
      ['the switch for another method', { method: 'dora', compat: 'official' }, {}, 'CONFIG_METHOD', /'compat'/],
      [
        'a rank for bottlenecks',
        { method: 'adapter', rank: 4 },
        {},
        'CONFIG_METHOD',
        /method 'adapter' does not read 'rank'/,
      ],
      [
        "another method's own setting",
        { method: 'lora', projectionPrngKey: 1 },
        {},
        'CONFIG_METHOD',
        /method 'lora' does not read 'projectionPrngKey'; remove it or take method 'vera'/,
      ],
      [
        'an unknown name, with the nearest',
        { rnak: 4 },
        {},
        'CONFIG_UNKNOWN',
        /fromPretrained: there is no setting 'rnak'; did you mean 'rank'\?/,
      ],
      ['an unknown name in fit', {}, { upperLearningrate: 1 }, 'CONFIG_UNKNOWN', /'upperLearningRate'/],
      ['a flag for a setting', {}, { 'batch-size': 3 }, 'CONFIG_UNKNOWN', /'batchSize'/],
      ['a name like no other', {}, { zzzzzzzzzz: 1 }, 'CONFIG_UNKNOWN', /known are .*batchSize/],
      ['a setting of the model in fit', {}, { rank: 4 }, 'CONFIG_STAGE', /give it to fromPretrained/],
      ['a setting of fit in the model', { batchSize: 4 }, {}, 'CONFIG_STAGE', /give it to fit/],
      ['a wrong type', { rank: '8' }, {}, 'CONFIG_VALUE', /rank must be an integer of at least 1, got '8'/],
      ['a fraction for an integer', { rank: 2.5 }, {}, 'CONFIG_VALUE', /got 2.5/],
      ['NaN', {}, { radius: Number.NaN }, 'CONFIG_VALUE', /radius must be a number above 0, got NaN/],
      ['a value below the range', {}, { batchSize: 0 }, 'CONFIG_VALUE', /at least 1/],
      ['a value above the range', {}, { warmupRatio: 1.5 }, 'CONFIG_VALUE', /at most 1/],
      ['a fraction of all', {}, { lowerFraction: 1 }, 'CONFIG_VALUE', /above 0 and at most 0.99/],
      ['a mistyped choice', { method: 'bidroa' }, {}, 'CONFIG_VALUE', /did you mean 'bidora'\?/],
      ['a boolean as text', {}, { resume: 'yes' }, 'CONFIG_VALUE', /true or false/],
      ['an empty list', { targetModules: [] }, {}, 'CONFIG_VALUE', /list of names/],
      ['a device of another kind', { device: 'tpu' }, {}, 'CONFIG_VALUE', /'auto', 'cpu', 'cuda' or 'cuda:N'/],
      [
        'a setting of another task',
        { task: 'token-classification', problemType: 'regression' },
        {},
        'CONFIG_METHOD',
        /task 'token-classification' does not read 'problemType'/,
      ],
      [
        'a setting of another task',
        { stride: 3 },
        {},
        'CONFIG_METHOD',
        /task 'text-classification' does not read 'stride'.*take 'token-classification'/,
      ],
      ['a later task', { task: 'text-generation' }, {}, 'CONFIG_LATER', /comes in a later version/],
      [
        'what the method does not read',
        { method: 'lora' },
        { upperLearningRate: 1 },
        'CONFIG_METHOD',
        /'lora' does not read 'upperLearningRate'/,
      ],
      [
        'an axis without a magnitude',
        { method: 'lora', magnitudeAxis: 'in' },
        {},
        'CONFIG_METHOD',
        /'bidora' or 'dora'/,
      ],
      ['a rank without an adapter', { method: 'full', rank: 4 }, {}, 'CONFIG_METHOD', /does not read 'rank'/],
      [
        'a radius without a difference',
        {},
        { hypergradient: 'exact', radius: 0.1 },
        'CONFIG_METHOD',
        /does not read 'radius'/,
      ],
      [
        'terms without a series',
        {},
        { hypergradient: 'conjugate-gradient', terms: 3 },
        'CONFIG_METHOD',
        /fit: hypergradient 'conjugate-gradient' does not read 'terms'; remove it or take 'neumann'/,
      ],
      ['damping without a solver', {}, { damping: 3 }, 'CONFIG_METHOD', /'first-order' does not read 'damping'/],
      ['two ways of one', {}, { way: 'forward-over-reverse' }, 'CONFIG_METHOD', /does not read 'way'; .* take 'exact'/],
      [
        'a breakdown where none can be',
        {},
        { hypergradient: 'sama', onBreakdown: 'throw' },
        'CONFIG_METHOD',
        /take 'neumann' or 'conjugate-gradient'/,
      ],
      ['looks at nothing', {}, { chooseEvery: 3 }, 'CONFIG_METHOD', /magnitudes 'last' does not read 'chooseEvery'/],
      ['a mean of nothing', {}, { magnitudes: 'best', averageFraction: 0.3 }, 'CONFIG_METHOD', /take 'average'/],
      [
        'a search that is not made',
        {},
        { search: false, searchSteps: 3 },
        'CONFIG_METHOD',
        /search false does not read/,
      ],
      ['an upper level that is not there', {}, { search: false, radius: 3 }, 'CONFIG_METHOD', /take true/],
      [
        'a retraining that is not made',
        {},
        { retrain: false, epochs: 3 },
        'CONFIG_METHOD',
        /retrain false does not read/,
      ],
      ['a start of no retraining', {}, { retrain: false, headFrom: 'start' }, 'CONFIG_METHOD', /'headFrom'/],
      ['nothing at all', {}, { retrain: false, search: false }, 'CONFIG_TOGETHER', /nothing would be trained/],
      [
        'folds and a fraction',
        {},
        { folds: 3, lowerFraction: 0.8 },
        'CONFIG_TOGETHER',
        /one of 3; remove lowerFraction or/,
      ],
      [
        'directions of folds',
        {},
        { folds: 3, directionsFrom: 'searched' },
        'CONFIG_TOGETHER',
        /no directions in common/,
      ],
      [
        'a head of folds',
        {},
        { folds: 3, headFrom: 'searched' },
        'CONFIG_TOGETHER',
        /take headFrom 'start' or folds 1/,
      ],
      ['folds without retraining', {}, { folds: 2, retrain: false }, 'CONFIG_TOGETHER', /take retrain true or folds 1/],
      ['repeats of one phase', {}, { repeats: 2, retrain: false }, 'CONFIG_METHOD', /does not read 'repeats'/],
      ['a delay of one level', { method: 'lora' }, { upperDelaySteps: 2 }, 'CONFIG_METHOD', /'lora' does not read/],
      ['steps and epochs', {}, { searchSteps: 3, searchEpochs: 1 }, 'CONFIG_TWICE', /both say how long/],
      ['steps and epochs by a short name', {}, { retrainSteps: 3, epochs: 1 }, 'CONFIG_TWICE', /both say how long/],
      ['resume without output', {}, { resume: true }, 'CONFIG_VALUE', /resume needs the 'output' folder/],
      [
        'labels for a regression',
        { problemType: 'regression', labels: ['a', 'b'] },
        {},
        'CONFIG_METHOD',
        /has no labels/,
      ],
      ['a label twice', { labels: ['a', 'a'] }, {}, 'CONFIG_VALUE', /differ/],
      ['one label', { labels: ['a'] }, {}, 'CONFIG_VALUE', /two or more/],
    ]
    for (const [what, model, options, code, sentence] of cases) {
      it(`${what}: ${JSON.stringify({ ...model, ...options })}`, () => {
        assert.match(
          refusal(() => fit(model, options), code),
          sentence,
        )
      })
    }
  })

  it('a name of the call that is no setting passes only where it is said', () => {
    const model = modelSettings({})
    fitSettings(model, { validation: [] } as object, ['validation'])
    assert.throws(() => fitSettings(model, { validation: [] } as object), ConfigError)
  })

  it('patterns are names with numbers above 0', () => {
    const rankPattern = { c_attn: 2 }
    assert.deepEqual(modelSettings({ rankPattern }).settings.rankPattern, rankPattern)
    for (const wrong of [{}, { c_attn: 0 }, { c_attn: '2' }, { '': 2 }, ['c_attn'], 'c_attn']) {
      assert.match(
        refusal(() => modelSettings({ rankPattern: wrong as never }), 'CONFIG_VALUE'),
        /rankPattern.* names, each with a number above 0/,
      )
    }
    refusal(() => modelSettings({ method: 'full', rankPattern }), 'CONFIG_METHOD')
  })

  it('flags and texts of the command line', () => {
    assert.equal(flagOf('loraAlpha'), '--lora-alpha')
    assert.deepEqual(valueFromText('targetModules', 'query, value'), ['query', 'value'])
    assert.equal(valueFromText('radius', '1e-3'), 0.001)
    assert.equal(valueFromText('radius', 'far'), 'far')
    assert.equal(valueFromText('batchSize', ''), '')
    assert.equal(valueFromText('resume', 'true'), true)
    assert.equal(valueFromText('device', 'cpu'), 'cpu')
    assert.deepEqual(valueFromText('rankPattern', 'h.0.attn.c_attn=4, mlp=c_fc=2'), {
      'h.0.attn.c_attn': 4,
      'mlp=c_fc': 2,
    })
    assert.equal(valueFromText('rankPattern', 'c_attn'), 'c_attn')
    assert.equal(valueFromText('alphaPattern', '=4'), '=4')
    const lines = describeSettings()
    assert.equal(lines.length, names.length)
    const rate = lines.find(({ name }) => name === 'retrainLearningRate')
    assert.match(rate?.default ?? '', /^0.002, .*full 0.00005/)
    for (const { doc, allowed } of lines) assert.ok(doc.endsWith('.') && allowed.length > 0)
    const flags = new Set(lines.map(({ flag }) => flag))
    assert.equal(flags.size, lines.length)
    for (const alias of Object.keys(ALIASES)) assert.ok(!flags.has(flagOf(alias)))
  })

  it('every setting is read outside its declaration', () => {
    const folders = ['train', 'predict'].map(room => resolve('lib', room))
    const files = folders.flatMap(folder => readdirSync(folder).map(file => join(folder, file)))
    const sources = files.filter(file => !/(config|field)\.ts$/.test(file)).map(file => readFileSync(file, 'utf8'))
    assert.ok(sources.length > 10, `${sources.length} files`)
    const unread = names.filter(name => !sources.some(source => new RegExp(`\\b${name}\\b`).test(source)))
    assert.deepEqual(unread, [])
  })
})
