import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors, writeSafetensors } from '../../../lib/io/index.ts'
import { createModel, type EsmForSequenceClassification, loadModel, saveModel } from '../../../lib/models/index.ts'
import { scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { familyConfigs } from './family-configs.ts'

const name = 'esm.rotary_embeddings.inv_freq'
const oldName = (layer: string) => `esm.encoder.layer.${layer}.attention.self.rotary_embeddings.inv_freq`

describe('models: checkpoints of ESM', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-esm-'))
    const model = createModel(familyConfigs['esm, rotary']!.config)
    saveModel(model, folder)
    model.dispose()
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const replaceSpeeds = (others: Record<string, Tensor>) =>
    scope(() => {
      const file = join(folder, 'model.safetensors')
      const tensors = readSafetensors(file, { copy: true })
      for (const key of tensors.keys()) if (key.endsWith('inv_freq')) tensors.delete(key)
      writeSafetensors(file, new Map([...tensors, ...Object.entries(others)]))
    })
  const load = () => {
    const model = loadModel(folder, { copy: true }) as EsmForSequenceClassification
    const { created, ignored } = model.origin!
    const speeds = model.esm.rotaryEmbeddings!.invFreq.tolist() as number[]
    model.dispose()
    return { created, ignored: [...ignored].sort(), speeds }
  }

  it('have the speeds of rotation, or get those of the formula', () => {
    assert.deepEqual(load(), { created: [], ignored: [], speeds: [1, Math.fround(0.01)] })
    replaceSpeeds({})
    assert.deepEqual(load(), { created: [name], ignored: [], speeds: [1, Math.fround(0.01)] })
  })

  it('of older versions have them in each layer: the first one counts', () => {
    for (const first of ['0', '*']) {
      const old = { [oldName('1')]: tensor([4, 5]), [oldName(first)]: tensor([0.5, 0.25]) }
      replaceSpeeds(old)
      assert.deepEqual(load(), { created: [], ignored: [oldName('1')], speeds: [0.5, 0.25] })
    }
  })

  it('keep their head for contacts, or get a new one: transformers wants it', () => {
    const contacts = ['weight', 'bias'].map(part => `esm.contact_head.regression.${part}`)
    const file = join(folder, 'model.safetensors')
    scope(() => {
      const tensors = readSafetensors(file, { copy: true })
      assert.deepEqual(
        contacts.map(key => tensors.get(key)!.shape),
        [[1, 6], [1]],
      )
      for (const key of contacts) tensors.delete(key)
      writeSafetensors(file, tensors)
    })
    assert.deepEqual(load().created, contacts)
  })

  it('may have parts that no head here reads, and a table of positions beside a rotation', () => {
    const extra = {
      [name]: tensor([1, 0.5]),
      'esm.embeddings.position_embeddings.weight': tensor([[1]]),
      'esm.pooler.dense.bias': tensor([1]),
      'lm_head.layer_norm.weight': tensor([1]),
    }
    replaceSpeeds(extra)
    const { created, ignored, speeds } = load()
    assert.deepEqual([created, speeds], [[], [1, 0.5]])
    assert.deepEqual(
      ignored,
      Object.keys(extra)
        .filter(key => key !== name)
        .sort(),
    )
  })
})
