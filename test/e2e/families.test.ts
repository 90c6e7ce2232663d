import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Patterns, readAdapterConfig } from '../../lib/adapters/index.ts'
import { BiDoRA } from '../../lib/index.ts'
import { createModel, saveModel } from '../../lib/models/index.ts'
import { manualSeed } from '../../lib/tensor/index.ts'
import { TunedModel } from '../../lib/train/index.ts'
import { oneThread } from './scratch.ts'
import { type TinyFamily, tinyFamilies } from './tiny-families.ts'

/** A whole folder of a family, its weights random. */
function folderOf({ config, files }: TinyFamily): string {
  const folder = mkdtempSync(join(tmpdir(), 'bidora-family-'))
  manualSeed(2)
  const model = createModel(config)
  saveModel(model, folder)
  model.dispose()
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

const common = { device: 'cpu', threads: 1, rank: 2, loraAlpha: 4, maxLength: 16 } as const
const short = { batchSize: 8, searchSteps: 2, retrainSteps: 2, learningRate: 0.02 } as const

describe('every family, end to end', () => {
  oneThread()
  for (const [name, family] of Object.entries(tinyFamilies)) {
    describe(name, () => {
      let folder: string
      before(() => {
        folder = folderOf(family)
      })
      after(() => rmSync(folder, { recursive: true }))

      for (const method of ['lora', 'bidora'] as const) {
        it(`${method}: trains, evaluates, predicts, saves, loads to the same bits, merges`, async () => {
          const { examples } = family
          const texts = examples.slice(0, 7).map(({ text }) => text)
          const model = await TunedModel.create(folder, { ...common, ...family.model, method, loraDropout: 0.1 })
          const before = { search: method === 'bidora' ? 2 : 0, retrain: 2 }
          const { searchSteps, ...oneLevel } = short
          const report = await model.fit(examples, method === 'bidora' ? { ...oneLevel, searchSteps } : oneLevel)
          assert.deepEqual(report.steps, before)
          const scores = await model.evaluate(examples)
          assert.ok(Number.isFinite(scores.loss))
          const predictions = await model.predict(texts)
          await model.save(join(folder, 'saved'))
          const saved = readAdapterConfig(join(folder, 'saved')).settings as Patterns
          assert.deepEqual(
            [saved.rankPattern, saved.alphaPattern],
            [family.model?.rankPattern, family.model?.alphaPattern],
          )
          const loaded = await TunedModel.load(join(folder, 'saved'), { device: 'cpu' })
          assert.deepEqual(await loaded.predict(texts), predictions)
          assert.deepEqual(await loaded.evaluate(examples), scores)
          loaded.dispose()
          const { maxRelativeError } = await model.merge(join(folder, 'merged'))
          assert.ok(maxRelativeError <= 1e-5, String(maxRelativeError))
          model.dispose()
          const merged = await TunedModel.load(join(folder, 'merged'), { device: 'cpu' })
          for (const [at, { label, score }] of (await merged.predict(texts)).entries()) {
            assert.equal(label, predictions[at]!.label)
            assert.ok(Math.abs(score! - predictions[at]!.score!) < 1e-5)
          }
          merged.dispose()
        })
      }

      it('works in the worker of BiDoRA', async () => {
        await using model = await BiDoRA.fromPretrained(folder, { ...common, method: 'bidora' })
        const report = await model.fit(family.examples, short)
        assert.equal(report.steps.search, 2)
        const [first] = await model.predict([family.examples[0]!.text])
        assert.ok(first!.label === 'ham' || first!.label === 'spam')
        assert.equal(model.info.modelType, family.config.model_type)
      })

      if (family.labelsWords === false) return
      it('labels words too, in the worker of BiDoRA', async () => {
        const sentences = family.examples.map(({ text }) => {
          const tokens = name === 'esm' ? [...text] : text.split(' ')
          return { tokens, labels: tokens.map(token => (/^(free|prize|win|W)$/.test(token) ? 'B-SPAM' : 'O')) }
        })
        const saved = join(folder, 'tagger')
        await using model = await BiDoRA.fromPretrained(folder, { ...common, task: 'token-classification' })
        await model.fit(sentences, { ...short, output: saved })
        const inputs = sentences.slice(0, 5).map(({ tokens }) => ({ tokens }))
        const predictions = await model.predict([...inputs, sentences[5]!.tokens])
        for (const [at, { tokens, labels }] of predictions.entries()) {
          assert.deepEqual(tokens, sentences[at]!.tokens)
          assert.equal(labels!.length, tokens!.length)
        }
        await using again = await BiDoRA.load(saved, { device: 'cpu' })
        assert.deepEqual(await again.predict(inputs), predictions.slice(0, 5))
        const { loss, f1 } = await again.evaluate(sentences)
        assert.ok(Number.isFinite(loss) && Number.isFinite(f1))
        assert.ok((await model.merge(join(folder, 'merged-tagger'))).maxRelativeError <= 1e-5)
      })
    })
  }
})
