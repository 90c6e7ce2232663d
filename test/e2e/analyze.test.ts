import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Analysis, analyze, BiDoRA } from '../../lib/index.ts'
import { readSafetensors } from '../../lib/io/index.ts'
import { scope } from '../../lib/tensor/index.ts'
import { runCli } from './run-cli.ts'
import { tinyExamples, tinyModel } from './tiny-model.ts'

type Row = number[]

describe('analyze', function () {
  this.timeout(60_000)
  let folder: string
  let base: string
  const at = (name: string) => join(folder, name)
  const training = { batchSize: 8, searchSteps: 4, retrainSteps: 4, saveEvery: 2, keepCheckpoints: 9 } as const

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-analyze-'))
    base = tinyModel()
    for (const method of ['bidora', 'full'] as const) {
      const own = method === 'bidora' ? { rank: 2, loraAlpha: 6 } : {}
      await using model = await BiDoRA.fromPretrained(base, {
        labels: ['ham', 'spam'],
        method,
        device: 'cpu',
        threads: 1,
        ...own,
      })
      const rates = {
        retrainLearningRate: 1e-2,
        ...(method === 'bidora' && { upperLearningRate: 1e-2, lowerLearningRate: 1e-2 }),
      }
      const steps = method === 'bidora' ? training : { ...training, searchSteps: undefined }
      await model.fit(tinyExamples(64), { ...steps, ...rates, output: at(method) })
    }
  })
  after(() => {
    for (const path of [folder, base]) rmSync(path, { recursive: true, force: true })
  })

  it('bidora: every checkpoint of the run, by the formula', async () => {
    const { layers, fits } = await analyze({ adapter: at('bidora') })
    const points = [...new Set(layers.map(({ checkpoint, phase, step }) => [checkpoint, phase, step].join(' ')))]
    // The last checkpoint is the saved adapter, and counts once.
    assert.deepEqual(points, ['step-2 search 2', 'step-4 search 4', 'step-6 retrain 2', 'final  '])
    assert.equal(layers.length, 16, 'query and value of two blocks')
    assert.deepEqual(
      fits.map(({ kind, points }) => [kind, points]),
      [
        ['query', 8],
        ['value', 8],
      ],
    )

    scope(() => {
      const tensors = readSafetensors(join(at('bidora'), 'run/checkpoints/step-2/tensors.safetensors'))
      const weights = readSafetensors(join(base, 'model.safetensors'))
      const rows = (name: string) =>
        tensors.get(`parameters.bert.encoder.layer.1.attention.self.query.${name}`)!.tolist()
      const W = weights.get('encoder.layer.1.attention.self.query.weight')!.tolist() as Row[]
      const [A, B, m] = [rows('loraA') as Row[], rows('loraB') as Row[], rows('magnitude') as Row]
      const norm = (row: Row) => Math.hypot(...row)
      // Rank 2 and an alpha of 6.
      const V = W.map((row, n) => row.map((w, k) => w + 3 * (B[n]![0]! * A[0]![k]! + B[n]![1]! * A[1]![k]!)))
      const mean = (values: Row) => values.reduce((sum, value) => sum + value, 0) / values.length
      const magnitude = mean(W.map((row, n) => Math.abs(m[n]! - norm(row))))
      const direction = mean(
        W.map((row, n) => 1 - row.reduce((sum, w, k) => sum + w * V[n]![k]!, 0) / norm(row) / norm(V[n]!)),
      )
      const got = layers.find(change => change.step === 2 && change.layer === 'encoder.layer.1.attention.self.query')!
      assert.ok(magnitude > 1e-4 && direction > 1e-6)
      assert.ok(Math.abs(got.magnitudeChange - magnitude) < 1e-12, `${got.magnitudeChange}, ${magnitude}`)
      assert.ok(Math.abs(got.directionChange - direction) < 1e-12, `${got.directionChange}, ${direction}`)
    })
    const retrained = layers
      .filter(({ block, kind }) => block === 0 && kind === 'query')
      .map(change => change.magnitudeChange)
    assert.equal(new Set(retrained.slice(-2)).size, 1, 'the magnitudes rest while the directions are trained again')
  })

  it('full: weights of the checkpoints and of the saved model', async () => {
    const { layers, fits, unchanged } = await analyze({ adapter: at('full'), model: base })
    assert.deepEqual([...new Set(layers.map(({ checkpoint }) => checkpoint))], ['step-2', 'final'])
    assert.equal(new Set(layers.map(({ layer }) => layer)).size, 13)
    assert.equal(fits.length, 7)
    assert.deepEqual(unchanged, [])
    assert.ok(layers.every(change => change.magnitudeChange > 0 && change.directionChange > 0))
    const alone = await analyze({ adapter: at('full'), model: base, checkpoints: false })
    assert.deepEqual(
      alone.layers,
      layers.filter(({ checkpoint }) => checkpoint === 'final'),
    )
  })

  it('on the command line: a table, three files, one object with --json', async () => {
    const text = await runCli(['analyze', '--adapter', at('bidora'), '--output', at('out')])
    assert.equal(text.status, 0, text.stderr)
    const lines = text.stdout.trim().split('\n')
    assert.match(lines[0]!, /bidora from .*: 4 layers at 4 points of the training, a magnitude per output$/)
    assert.match(lines[1]!, /^kind of layer +points +magnitude +direction +slope +correlation$/)
    assert.match(lines[2]!, /^query +8 +[\d.e-]+ +[\d.e-]+ +[\d.e-]+ +-?[\d.]+$/)
    for (const name of ['analysis.jsonl', 'analysis.json', 'analysis.svg']) {
      assert.ok(existsSync(join(at('out'), name)))
      assert.ok(lines.includes(`written to ${join(at('out'), name)}`))
    }
    assert.match(readFileSync(join(at('out'), 'analysis.svg'), 'utf8'), /retrain 2/)

    const args = [
      '--adapter',
      at('full'),
      '--model',
      base,
      '--axis',
      'in',
      '--target-modules',
      'intermediate.dense',
      '--no-checkpoints',
    ]
    const json = await runCli(['analyze', ...args, '--json'])
    const { layers, magnitudeAxis } = JSON.parse(json.stdout) as Analysis
    assert.equal(magnitudeAxis, 'in')
    assert.deepEqual(
      layers.map(({ layer, lines }) => [layer, lines]),
      [0, 1].map(block => [`encoder.layer.${block}.intermediate.dense`, 16]),
    )
  })

  it('reads checkpoints of layers with scales and ranks of their own, and refuses what is no product of two factors', async () => {
    const tune = async (name: string, options: object) => {
      const settings = { labels: ['ham', 'spam'], device: 'cpu', threads: 1, rank: 2, ...options } as const
      await using model = await BiDoRA.fromPretrained(base, settings)
      await model.fit(tinyExamples(64), { learningRate: 0.02, retrainSteps: 4, saveEvery: 2, output: at(name) })
      cpSync(at(`${name}/run`), at(`${name}-alone/run`), { recursive: true })
    }
    for (const [name, options] of Object.entries({
      patterns: { method: 'lora', rankPattern: { query: 3 }, alphaPattern: { 'layer.0.*value': 64 } },
      'axis-in': { method: 'dora', magnitudeAxis: 'in', targetModules: ['query', 'intermediate.dense'] },
    })) {
      await tune(name, options)
      const axis = 'magnitudeAxis' in options ? ({ magnitudeAxis: 'in' } as const) : {}
      const { layers } = await analyze({ adapter: at(name) })
      const alone = await analyze({ adapter: at(`${name}-alone`), model: base, ...axis })
      const last = alone.layers
        .filter(({ step }) => step === 4)
        .map(({ layer, magnitudeChange, directionChange }) => [layer, magnitudeChange, directionChange])
      const saved = layers
        .filter(({ checkpoint }) => checkpoint === 'final')
        .map(({ layer, magnitudeChange, directionChange }) => [layer, magnitudeChange, directionChange])
      assert.equal(last.length, 4)
      assert.deepEqual(last, saved)
    }
    await tune('adalora', { method: 'adalora', initialRank: 3 })
    await assert.rejects(
      analyze({ adapter: at('adalora-alone'), model: base }),
      /of method 'adalora', whose change is read from a merged model/,
    )
    await tune('official', { method: 'bidora', compat: 'official' })
    await assert.rejects(
      analyze({ adapter: at('official-alone'), model: base }),
      /of method 'bidora, compat official', whose change is read from a merged model/,
    )
  })

  it('refuses with a sentence', async () => {
    const refused = await runCli(['analyze', '--adapter', at('full'), '--json'])
    assert.equal(refused.status, 2)
    assert.match(
      refused.stderr,
      /^bidora-torch analyze: expected the folder of the pretrained model, got none: .*full does not say which model it came from; give it as model\n$/,
    )
    assert.equal((JSON.parse(refused.stdout) as { error: { code: string } }).error.code, 'BASE_NOT_FOUND')
  })
})
