import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readSafetensors, writeSafetensors } from '../../lib/io/index.ts'
import { type FitOptions, type ModelOptions, TunedModel } from '../../lib/train/index.ts'
import { scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'

/** Scores with a mean of 3.125, which float32 holds exactly. */
const examples = tinyExamples(16).map(({ text }, index) => ({ text, label: [2, 3, 4, 3.5][index % 4]! }))
const still: FitOptions = { retrainSteps: 2, retrainLearningRate: 0, batchSize: 8 }

describe('a regression head', function () {
  this.timeout(60_000)
  const here = scratch('regression')

  const create = (model: ModelOptions = {}) =>
    TunedModel.create(here.base, { problemType: 'regression', method: 'lora', device: 'cpu', maxLength: 32, ...model })

  async function biasOf(model: TunedModel, name: string): Promise<number> {
    await model.save(join(here.folder, name))
    const tensors = readSafetensors(join(here.folder, name, 'adapter_model.safetensors'), { copy: true })
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
    const loaded = await TunedModel.load(join(here.folder, 'trained'), { base: here.base })
    await loaded.fit(
      examples.map(({ text }) => ({ text, label: 100 })),
      still,
    )
    assert.equal(await biasOf(loaded, 'loaded'), trained)
    loaded.dispose()
  })

  it('stays where a checkpoint has it, at zero too', async () => {
    const [model, whole] = [await create({ method: 'full' }), join(here.folder, 'whole')]
    await model.fit(examples, still)
    await model.save(whole)
    model.dispose()
    const read = (name: string) => readSafetensors(join(here.folder, name, 'model.safetensors'), { copy: true })
    const tensors = read('whole')
    tensors.get('classifier.bias')!.zero_()
    writeSafetensors(join(whole, 'model.safetensors'), tensors)
    const loaded = await TunedModel.load(whole, { device: 'cpu' })
    await loaded.fit(examples, still)
    await loaded.save(join(here.folder, 'whole-again'))
    loaded.dispose()
    assert.deepEqual(read('whole-again').get('classifier.bias')!.tolist(), [0])
  })

  it("starts at zero where the authors' code has it", async () => {
    const model = await create({ method: 'bidora', compat: 'official' })
    await model.fit(examples, { ...still, lowerLearningRate: 0, upperLearningRate: 0 })
    assert.equal(await biasOf(model, 'official'), 0)
    model.dispose()
  })

  it('a head of labels starts at zero', async () => {
    const model = await TunedModel.create(here.base, { method: 'lora', device: 'cpu', maxLength: 32 })
    await model.fit(tinyExamples(16), still)
    await model.save(join(here.folder, 'labels'))
    const tensors = readSafetensors(join(here.folder, 'labels', 'adapter_model.safetensors'), { copy: true })
    const [, bias] = [...tensors].find(([key]) => key.endsWith('classifier.bias'))!
    assert.deepEqual(bias.tolist(), [0, 0])
    model.dispose()
  })
})
