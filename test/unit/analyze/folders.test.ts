import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type AdapterSettings,
  mergeAdapters,
  type Patterns,
  prepareModel,
  saveAdapter,
  trainableParameters,
} from '../../../lib/adapters/index.ts'
import { type Analysis, type AnalyzeOptions, analyze } from '../../../lib/analyze/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { AbortError, ConfigError, FormatError } from '../../../lib/errors.ts'
import { readSafetensors, writeJson, writeSafetensors } from '../../../lib/io/index.ts'
import { saveModel } from '../../../lib/models/index.ts'
import { add_, mul, mul_, randn } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { tinyModel } from '../adapters/tiny-model.ts'

const targets = { targetModules: ['query', 'intermediate.dense'] }

describe('analysis of folders', () => {
  let folder: string
  const at = (name: string) => join(folder, name)
  const base = () => at('base')
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-analyze-'))
    const model = tinyModel('bert', 'float64')
    saveModel(model, base())
    model.dispose()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** An adapter that moved, and its merged model, in folders of their own. */
  function tuned(
    name: string,
    settings: Pick<AdapterSettings, 'method' | 'magnitudeAxis'> & Patterns & { targetModules?: readonly string[] },
    size = 0.2,
  ): void {
    const model = tinyModel('bert', 'float64')
    prepareModel(model, { rank: 2, loraAlpha: 3, ...targets, ...settings })
    manualSeed(5)
    const { lower, upper } = trainableParameters(model)
    noGrad(() =>
      scope(() => {
        for (const [path, tensor] of [...lower, ...upper]) {
          const noise = randn(tensor.shape, { dtype: 'float64' })
          if (path.endsWith('.magnitude')) mul_(tensor, mul(noise, size / 2).add(1))
          else add_(tensor, noise, { alpha: size })
        }
      }),
    )
    saveAdapter(at(name), model, { settings: { rank: 2, loraAlpha: 3, ...targets, ...settings }, base: base() })
    const merge = mergeAdapters(model)
    saveModel(model, at(`${name}-merged`))
    merge.finish()
    model.dispose()
  }

  function changedCopy(name: string, change: (tensors: Map<string, Tensor>) => Map<string, Tensor>): void {
    cpSync(base(), at(name), { recursive: true })
    const file = join(at(name), 'model.safetensors')
    scope(() => writeSafetensors(file, change(readSafetensors(file, { copy: true }))))
  }

  const refused = async (options: AnalyzeOptions, kind: new (...args: never[]) => Error, message: RegExp) =>
    assert.rejects(analyze(options), (error: Error) => {
      assert.ok(error instanceof kind, `${error}`)
      assert.match(error.message, message)
      return true
    })
  const numbers = ({ layers }: Analysis) =>
    new Map(layers.map(change => [change.layer, [change.magnitudeChange, change.directionChange]]))

  for (const [name, settings] of Object.entries({
    lora: { method: 'lora' },
    dora: { method: 'dora' },
    bidora: { method: 'bidora' },
    'bidora-patterns': { method: 'bidora', rankPattern: { query: 1 }, alphaPattern: { 'layer.1.*': 7 } },
    'bidora-in': { method: 'bidora', magnitudeAxis: 'in' },
  } as const)) {
    it(`${name}: an adapter and its merged model moved alike, on both axes`, async () => {
      tuned(name, settings)
      for (const magnitudeAxis of ['out', 'in'] as const) {
        const adapter = await analyze({ adapter: at(name), magnitudeAxis })
        const merged = await analyze({ adapter: at(`${name}-merged`), model: base(), magnitudeAxis })
        assert.equal(adapter.layers.length, 4)
        assert.deepEqual(
          adapter.layers.map(({ layer, kind, block, lines }) => [layer, kind, block, lines]).sort(),
          [0, 1]
            .flatMap(block => [
              [`bert.encoder.layer.${block}.attention.self.query`, 'query', block, 8],
              [
                `bert.encoder.layer.${block}.intermediate.dense`,
                'intermediate.dense',
                block,
                magnitudeAxis === 'out' ? 12 : 8,
              ],
            ])
            .sort(),
        )
        const all = numbers(merged)
        assert.equal(all.size, 13, 'six linear layers a block and the pooler')
        for (const [layer, expected] of numbers(adapter)) {
          all.get(layer)!.forEach((value, i) => {
            assert.ok(value > 1e-4, `${layer} moved`)
            assert.ok(Math.abs(value - expected[i]!) < 1e-12, `${layer}: ${value}, ${expected[i]}`)
          })
          all.delete(layer)
        }
        assert.deepEqual([...all.values()].flat(), Array(18).fill(0), 'what was not adapted did not change')
        assert.equal(merged.unchanged.length, 5)
        assert.equal(merged.fits.length, 2)
      }
    })
  }

  it('leaves out the embeddings that an adapter adapts', async () => {
    const both = { targetModules: ['query', 'intermediate.dense', 'word_embeddings'] }
    tuned('embeddings', { method: 'dora', ...both })
    const { layers } = await analyze({ adapter: at('embeddings') })
    assert.deepEqual(
      layers.map(({ layer }) => layer).sort(),
      [...numbers(await analyze({ adapter: at('dora') })).keys()].sort(),
    )
  })

  it('refuses a method that leaves linear layers as they are, and says so', async () => {
    const model = tinyModel('bert', 'float64')
    prepareModel(model, { method: 'adapter' })
    saveAdapter(at('bottlenecks'), model, { settings: { method: 'adapter' }, base: base() })
    model.dispose()
    await refused({ adapter: at('bottlenecks') }, ConfigError, /'adapter', which leaves their weights as they are/)
  })

  it('takes the axis of the adapter, where none is asked for', async () => {
    assert.equal((await analyze({ adapter: at('bidora-in') })).magnitudeAxis, 'in')
    assert.equal((await analyze({ adapter: at('dora') })).magnitudeAxis, 'out')
    assert.equal((await analyze({ adapter: at('dora-merged'), model: base() })).magnitudeAxis, 'out')
  })

  it('measures from another model: itself gives 0, its merged model rounding, another adapter the union', async () => {
    const itself = await analyze({ adapter: at('dora'), against: at('dora') })
    assert.deepEqual([...numbers(itself).values()].flat(), Array(8).fill(0))
    assert.deepEqual([itself.fits, itself.unchanged], [[], ['query', 'intermediate.dense']])
    const merged = await analyze({ adapter: at('dora'), against: at('dora-merged') })
    for (const value of [...numbers(merged).values()].flat()) assert.ok(value < 1e-14)
    assert.ok((await analyze({ adapter: at('dora'), against: at('lora') })).fits.length === 2)
    const whole = await analyze({ adapter: at('dora-merged'), against: at('lora-merged') })
    assert.equal(whole.against, at('lora-merged'))
    assert.equal(whole.layers.length, 13)
  })

  it('reads a plain folder, one without the names in front, and one in several files', async () => {
    const double = (tensors: Map<string, Tensor>) => new Map([...tensors].map(([key, value]) => [key, mul(value, 2)]))
    changedCopy('double', double)
    changedCopy('encoder', tensors =>
      double(new Map([...tensors].flatMap(([key, value]) => (key.startsWith('bert.') ? [[key.slice(5), value]] : [])))),
    )
    changedCopy('shards', double)
    scope(() => {
      const all = [...readSafetensors(join(at('shards'), 'model.safetensors'), { copy: true })]
      const names = ['model-1.safetensors', 'model-2.safetensors'] as const
      names.forEach((name, part) =>
        writeSafetensors(join(at('shards'), name), new Map(all.filter((_, i) => i % 2 === part))),
      )
      const map = Object.fromEntries(all.map(([key], i) => [key, names[i % 2]!]))
      writeJson(join(at('shards'), 'model.safetensors.index.json'), { weight_map: map })
      rmSync(join(at('shards'), 'model.safetensors'))
    })
    for (const name of ['double', 'encoder', 'shards']) {
      const { layers } = await analyze({ adapter: at(name), model: base() })
      assert.equal(layers.length, 13)
      for (const change of layers) {
        assert.equal(change.magnitudeChange, change.meanMagnitude, change.layer)
        assert.equal(change.directionChange, 0)
      }
    }
    // The adapter says bert.encoder..., its base encoder...: half as far from a base twice as large.
    const onEncoder = await analyze({ adapter: at('lora'), model: at('encoder') })
    assert.deepEqual(onEncoder.layers[0]!.layer, 'encoder.layer.0.attention.self.query')
    assert.equal(onEncoder.layers.length, 4)
  })

  it('looks only at the layers that are asked for', async () => {
    const { layers } = await analyze({ adapter: at('double'), model: base(), targetModules: ['key', 'output.dense'] })
    assert.deepEqual([...new Set(layers.map(({ kind }) => kind))].sort(), [
      'attention.output.dense',
      'key',
      'output.dense',
    ])
    await refused(
      { adapter: at('dora'), targetModules: ['qery'] },
      ConfigError,
      /'qery', which matches none; there are query, dense|dense, query/,
    )
  })

  it('writes numbers and a picture', async () => {
    const { files, layers, fits } = await analyze({ adapter: at('dora'), output: at('out') })
    const lines = readFileSync(files!.lines, 'utf8').trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => JSON.parse(line) as unknown),
      layers,
    )
    const summary = JSON.parse(readFileSync(files!.summary, 'utf8')) as Analysis
    assert.deepEqual([summary.fits, summary.adapter], [fits, at('dora')])
    assert.match(readFileSync(files!.picture, 'utf8'), /^<svg [\s\S]*<\/svg>\n$/)
    writeFileSync(at('file'), '')
    await assert.rejects(
      analyze({ adapter: at('dora'), output: at('file') }),
      /file: expected to write the analysis, got /,
    )
  })

  it('gives the event loop its turn, and stops when it is told to', async () => {
    const stop = new AbortController()
    const running = analyze({ adapter: at('dora'), signal: stop.signal })
    setImmediate(() => stop.abort())
    await assert.rejects(running, AbortError)
  })

  it('refuses what it cannot compare', async () => {
    await refused({ adapter: '' }, Error, /analyze: expected the folder of a model as adapter/)
    await refused({ adapter: at('dora'), magnitudeAxis: 'up' as 'in' }, ConfigError, /expected 'in' or 'out', got 'up'/)
    await refused(
      { adapter: at('nowhere'), model: base() },
      FormatError,
      /expected adapter_config.json or config.json in .*nowhere/,
    )
    await refused({ adapter: at('dora-merged') }, ConfigError, /pretrained model, got none: .*dora-merged does not say/)
    await refused({ adapter: at('dora'), model: at('nowhere') }, FormatError, /nowhere/)

    const head = tinyModel('bert', 'float64')
    prepareModel(head, { method: 'head' })
    saveAdapter(at('head'), head, { settings: { method: 'head' }, base: base() })
    head.dispose()
    await refused({ adapter: at('head') }, ConfigError, /method 'head', which leaves their weights as they are/)

    const roberta = tinyModel('roberta')
    saveModel(roberta, at('roberta'))
    roberta.dispose()
    await refused(
      { adapter: at('dora'), model: at('roberta') },
      FormatError,
      /expected an adapter of .*roberta, got no weight of bert\./,
    )

    changedCopy('narrow', tensors => new Map([...tensors].map(([key, value]) => [key, value.narrow(0, 0, 1)])))
    await refused(
      { adapter: at('narrow'), model: base() },
      FormatError,
      /expected two models of one architecture, got \[8,8\]/,
    )
    await refused({ adapter: at('dora'), model: at('narrow') }, FormatError, /query that do not fit its \[1, 8\]/)

    changedCopy('lost', tensors => new Map([...tensors].map(([key, value]) => [key, mul(value, Number.NaN)])))
    await refused({ adapter: at('lost'), model: base() }, FormatError, /dense: expected finite numbers/)

    cpSync(base(), at('gpt2'), { recursive: true })
    writeJson(join(at('gpt2'), 'config.json'), { model_type: 'gpt2' })
    await refused({ adapter: at('gpt2'), model: base() }, FormatError, /stores them as \[in, out\]/)

    cpSync(at('dora'), at('moved'), { recursive: true })
    const config = join(at('moved'), 'adapter_config.json')
    writeFileSync(config, readFileSync(config, 'utf8').replaceAll(base(), at('gone')))
    await refused({ adapter: at('moved') }, ConfigError, /was trained on .*gone, which is not there; give it as model/)
    assert.equal((await analyze({ adapter: at('moved'), model: base() })).layers.length, 4)
  })

  it('finds the base where the adapter says it is, seen from its own folder too', async () => {
    mkdirSync(at('together'))
    cpSync(base(), join(at('together'), 'base'), { recursive: true })
    renameSync(at('moved'), join(at('together'), 'adapter'))
    const config = join(at('together'), 'adapter', 'adapter_config.json')
    writeFileSync(config, readFileSync(config, 'utf8').replaceAll(at('gone'), '../base'))
    const { against } = await analyze({ adapter: join(at('together'), 'adapter') })
    assert.equal(against, join(at('together'), 'base'))
  })
})
