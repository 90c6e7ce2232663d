import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors } from '../../lib/io/index.ts'
import { type FitOptions, type ModelOptions, TunedModel } from '../../lib/train/index.ts'
import { tinyExamples, tinyModel } from './tiny-model.ts'

/** Scores with a mean of 3.125, which float32 holds exactly. */
const examples = tinyExamples(16).map(({ text }, index) => ({ text, label: [2, 3, 4, 3.5][index % 4]! }))
const still: FitOptions = { retrainSteps: 2, retrainLearningRate: 0, batchSize: 8 }

describe('a regression head', function () {
  this.timeout(60_000)
  let base: string
  let folder: string
  before(() => {
    base = tinyModel()
    folder = mkdtempSync(join(tmpdir(), 'bidora-regression-'))
  })
  after(() => {
    for (const path of [base, folder]) rmSync(path, { recursive: true })
  })

  const create = (model: ModelOptions = {}) =>
    TunedModel.create(base, { problemType: 'regression', method: 'lora', device: 'cpu', maxLength: 32, ...model })

  async function biasOf(model: TunedModel, name: string): Promise<number> {
    await model.save(join(folder, name))
    const tensors = readSafetensors(join(folder, name, 'adapter_model.safetensors'), { copy: true })
    const [, bias] = [...tensors].find(([key]) => key.endsWith('classifier.bias'))!
    return bias.item() as number
  }

  for (const method of ['lora', 'bidora', 'head', 'bitfit'] as const) {
    it(`${method}: starts at the mean of the training targets`, async () => {
      const model = await create({ method })
      await model.fit(examples, {
        ...still,
        ...(method === 'bidora' ? { lowerLearningRate: 0, upperLearningRate: 0 } : {}),
      })
      assert.equal(await biasOf(model, method), 3.125)
      model.dispose()
    })
  }

  it('stays where training has led it', async () => {
    const model = await create()
    await model.fit(examples, { ...still, retrainLearningRate: 0.05, schedule: 'constant', warmupRatio: 0 })
    const trained = await biasOf(model, 'trained')
    assert.notEqual(trained, 3.125)
    await model.fit(examples, still)
    assert.equal(await biasOf(model, 'again'), trained)
    model.dispose()
    const loaded = await TunedModel.load(join(folder, 'trained'), { base })
    await loaded.fit(
      examples.map(({ text }) => ({ text, label: 100 })),
      still,
    )
    assert.equal(await biasOf(loaded, 'loaded'), trained)
    loaded.dispose()
  })

  it('a head of labels starts at zero', async () => {
    const model = await TunedModel.create(base, { method: 'lora', device: 'cpu', maxLength: 32 })
    await model.fit(tinyExamples(16), still)
    await model.save(join(folder, 'labels'))
    const tensors = readSafetensors(join(folder, 'labels', 'adapter_model.safetensors'), { copy: true })
    const [, bias] = [...tensors].find(([key]) => key.endsWith('classifier.bias'))!
    assert.deepEqual(bias.tolist(), [0, 0])
    model.dispose()
  })
})
