import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findTargets, prepareModel, trainableParameters } from '../../../lib/adapters/index.ts'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ConfigError, FormatError } from '../../../lib/errors.ts'
import { readJsonObject, readSafetensors, toDiskName, writeJson, writeSafetensors } from '../../../lib/io/index.ts'
import {
  type Batch,
  createModel,
  type EncoderConfig,
  loadModel,
  packBatch,
  type SequenceClassifier,
  saveModel,
  toBatch,
  tuningDefaults,
  useGradientCheckpointing,
} from '../../../lib/models/index.ts'
import { crossEntropy, stateOf } from '../../../lib/nn/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { familyConfigs } from './family-configs.ts'
import { arraysOf } from './texts.ts'

const texts = [[5, 6, 7, 8, 9, 10, 11], [12], [5, 9, 6, 4], [8, 8, 4, 5, 6]]

function batchOf(pack: boolean): { batch: Batch; labels: Tensor } {
  const arrays = arraysOf(texts)
  return { batch: pack ? packBatch(arrays) : toBatch(arrays), labels: tensor([0n, 1n, 2n, 1n]) }
}

const bytesOf = (tensors: readonly Tensor[]) => tensors.map(one => Buffer.from(one.bytes()).toString('base64'))
const stateLists = (model: SequenceClassifier) =>
  Object.fromEntries([...stateOf(model)].map(([path, value]) => [path, value.tolist()]))
const largest = (values: readonly Tensor[]) => Math.max(...values.map(value => Number(value.abs().max().item())))

for (const [name, { config, dropping, encoder, foreign }] of Object.entries(familyConfigs)) {
  describe(`models: ${name}`, () => {
    const modelType = String(config.model_type)
    const { targetModules, head } = tuningDefaults(modelType)
    let folder: string
    beforeEach(() => {
      manualSeed(5)
      folder = mkdtempSync(join(tmpdir(), 'bidora-family-'))
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    /** A model with adapters on its default targets, dropout on wherever it has some. */
    const adapted = (changes: Record<string, unknown> = {}, dtype: 'float32' | 'float64' = 'float64') => {
      const model = scope(() => createModel({ ...config, ...dropping, ...changes }, { dtype }))
      const settings = { rank: 2, loraAlpha: 4, loraDropout: 0.2, targetModules, ...(head ? { head } : {}) }
      prepareModel(model, { method: 'bidora', ...settings })
      return model.train()
    }
    /** Loss and gradients of everything that trains, from the same random state. */
    const lossAndGradients = (model: SequenceClassifier, pack: boolean): Tensor[] => {
      manualSeed(3)
      const { batch, labels } = batchOf(pack)
      const loss = crossEntropy(model.forward(batch).logits, labels)
      const trained = model.parameters().filter(parameter => parameter.requiresGrad)
      return [loss.detach(), ...grad(loss, trained, { allowUnused: true }).flatMap(one => (one ? [one] : []))]
    }

    it('trains on packed rows as on padded ones, dropout on', () => {
      const model = adapted()
      scope(() => {
        const [padded, packed] = [false, true].map(pack => lossAndGradients(model, pack)) as [Tensor[], Tensor[]]
        assert.equal(packed.length, padded.length)
        const scale = largest(padded.slice(1))
        packed.forEach((got, i) => {
          const distance = largest([got.sub(padded[i]!)])
          assert.ok(distance <= 1e-12 * Math.max(largest([padded[i]!]), 0.1 * scale), `${i}: ${distance}`)
        })
      })
      model.dispose()
    })

    it('has dropout at every place that transformers has it', () => {
      // With each kind alone the loss is another one than without.
      const lossOf = (changes: Record<string, unknown>) => {
        manualSeed(5)
        const model = scope(() => createModel({ ...config, ...changes })).train()
        return scope(() => {
          manualSeed(9)
          const { batch, labels } = batchOf(true)
          const loss = Number(noGrad(() => crossEntropy(model.forward(batch).logits, labels)).item())
          model.dispose()
          return loss
        })
      }
      const without = lossOf({})
      assert.equal(lossOf({}), without)
      for (const [key, p] of Object.entries(dropping)) assert.notEqual(lossOf({ [key]: p }), without, key)
    })

    it('gives the same loss and gradients to the bit with gradient checkpointing, dropout on', () => {
      const model = adapted()
      for (const pack of [false, true]) {
        const [plain, checkpointed] = [false, true].map(enabled => {
          useGradientCheckpointing(model, enabled)
          return scope(() => bytesOf(lossAndGradients(model, pack)))
        })
        assert.deepEqual(checkpointed, plain)
      }
      model.dispose()
    })

    it('gives the logits of the first tokens alone that it gives beside every hidden state', () => {
      const model = scope(() => createModel(config, { dtype: 'float64' }))
      scope(() =>
        noGrad(() => {
          for (const pack of [false, true]) {
            const { batch } = batchOf(pack)
            const { logits, hiddenStates } = model.forward(batch, { hiddenStates: true })
            const alone = model.forward(batch)
            assert.equal(alone.hiddenStates, undefined)
            assert.equal(hiddenStates!.length, (model.config as EncoderConfig).numHiddenLayers + 1)
            assert.ok(largest([alone.logits.sub(logits)]) <= 1e-13 * largest([logits]))
          }
        }),
      )
      model.dispose()
    })

    it('reads back what it wrote, bit for bit, with the names and the configuration of transformers', () => {
      const model = createModel(config)
      saveModel(model, folder)
      const again = loadModel(folder, { copy: true })
      assert.deepEqual(stateLists(again), stateLists(model))
      assert.deepEqual(again.config, model.config)
      assert.deepEqual([again.origin!.created, again.origin!.ignored], [[], []])
      const written = readJsonObject(join(folder, 'config.json'))
      for (const [key, value] of Object.entries(config)) if (key !== 'id2label') assert.deepEqual(written[key], value)
      // transformers tells 0.0 from 0, and refuses the latter for some of its floats.
      const text = readFileSync(join(folder, 'config.json'), 'utf8')
      for (const key of Object.keys(dropping)) assert.ok(text.includes(`"${key}": 0.0,\n`), key)
      again.dispose()
      model.dispose()
    })

    it('lists missing and unexpected names; takes the encoder alone with a new head', () => {
      const model = createModel(config)
      saveModel(model, folder)
      model.dispose()
      const file = join(folder, 'model.safetensors')
      const rewrite = (change: (name: string) => string, extra: Record<string, Tensor> = {}) =>
        scope(() => {
          const tensors = [...readSafetensors(file, { copy: true })].map(
            ([key, value]) => [change(key), value] as const,
          )
          const kept = tensors.filter(([key]) => key !== '')
          writeSafetensors(file, new Map([...kept, ...Object.entries(extra)]))
        })
      rewrite(key => (key === encoder.lost ? '' : key), { stranger: tensor([1, 2]) })
      assert.throws(
        () => loadModel(folder),
        (error: FormatError) =>
          error instanceof FormatError && error.message.includes(encoder.lost) && error.message.includes('stranger'),
      )
      saveModel(createModel(config), folder)
      rewrite(key => (key.startsWith(`${encoder.prefix}.`) ? key.slice(encoder.prefix.length + 1) : ''))
      writeJson(join(folder, 'config.json'), {
        ...readJsonObject(join(folder, 'config.json')),
        architectures: [encoder.architecture],
      })
      assert.throws(() => loadModel(folder), { code: 'NO_HEAD' })
      const bare = loadModel(folder, { head: 'new', labels: ['a', 'b'], copy: true })
      assert.deepEqual(bare.origin!.created.toSorted(), encoder.head.toSorted())
      bare.dispose()
    })

    it('is adapted at the layers that PEFT takes, with its whole head trained', () => {
      const model = adapted()
      const { lower, upper } = trainableParameters(model)
      assert.deepEqual(
        lower.flatMap(([path]) => (/\.lora[AB]$/.test(path) ? [] : [toDiskName(path)])).toSorted(),
        encoder.head.toSorted(),
      )
      assert.equal(upper.length, targetModules.length * (model.config as EncoderConfig).numHiddenLayers)
      model.dispose()
      const plain = createModel(config)
      assert.equal(findTargets(plain, targetModules, []).length, upper.length)
      plain.dispose()
    })

    it('refuses what it does not compute', () => {
      for (const [changes, message] of foreign) {
        assert.throws(
          () => createModel({ ...config, ...changes }),
          (error: ConfigError) => error instanceof ConfigError && message.test(error.message),
          JSON.stringify(changes),
        )
      }
    })
  })
}
