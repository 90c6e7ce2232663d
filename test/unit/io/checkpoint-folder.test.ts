import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArgumentError, FormatError } from '../../../lib/errors.ts'
import { openCheckpoint, writeJson, writeSafetensors } from '../../../lib/io/index.ts'
import { scope, tensor } from '../../../lib/tensor/index.ts'

describe('io/checkpoint-folder', () => {
  let folder: string
  const index = (map: unknown) =>
    writeJson(join(folder, 'model.safetensors.index.json'), { metadata: {}, weight_map: map })
  const shard = (name: string, ...tensors: string[]) =>
    scope(() =>
      writeSafetensors(join(folder, name), Object.fromEntries(tensors.map((key, at) => [key, tensor([at + 0.5])]))),
    )

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-checkpoint-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('opens one file', () => {
    shard('model.safetensors', 'a', 'b')
    scope(() => {
      const checkpoint = openCheckpoint(folder)
      assert.deepEqual([...checkpoint.entries.keys()], ['a', 'b'])
      assert.deepEqual(checkpoint.tensor('b').tolist(), [1.5])
    })
  })

  it('opens shards', () => {
    shard('model-1.safetensors', 'a', 'b')
    shard('model-2.safetensors', 'c')
    index({ c: 'model-2.safetensors', a: 'model-1.safetensors', b: 'model-1.safetensors' })
    scope(() => {
      const checkpoint = openCheckpoint(folder)
      assert.deepEqual([...checkpoint.entries.keys()].sort(), ['a', 'b', 'c'])
      assert.deepEqual(checkpoint.tensor('b').tolist(), [1.5])
      assert.deepEqual(checkpoint.tensor('c').tolist(), [0.5])
      assert.throws(() => checkpoint.tensor('d'), ArgumentError)
    })
  })

  it('prefers the one file, as transformers does', () => {
    shard('model.safetensors', 'a')
    index({ z: 'gone.safetensors' })
    assert.deepEqual([...openCheckpoint(folder).entries.keys()], ['a'])
  })

  it('refuses an index and shards that disagree, all of it at once', () => {
    shard('model-1.safetensors', 'a', 'b', 'extra')
    shard('model-2.safetensors', 'b')
    index({ a: 'model-2.safetensors', b: 'model-1.safetensors', c: 'model-3.safetensors' })
    assert.throws(
      () => openCheckpoint(folder),
      (error: FormatError) => {
        assert.ok(error instanceof FormatError)
        assert.match(error.message, /expected the shard model-3\.safetensors, got no such file/)
        assert.match(error.message, /expected a in model-2\.safetensors, got it in model-1\.safetensors/)
        assert.match(error.message, /got also extra in model-1\.safetensors/)
        assert.match(error.message, /expected b once, got it in model-\d\.safetensors and in model-\d\.safetensors/)
        return true
      },
    )
  })

  it('refuses a tensor that is in no shard', () => {
    shard('model-1.safetensors', 'a')
    index({ a: 'model-1.safetensors', b: 'model-1.safetensors' })
    assert.throws(() => openCheckpoint(folder), /expected b in model-1\.safetensors, got no such tensor there/)
  })

  for (const path of ['../secret.safetensors', '/etc/passwd', 'sub/model.safetensors', '..', '.', 'a\\b', 'a\0b', '']) {
    it(`refuses the shard ${JSON.stringify(path)}`, () => {
      mkdirSync(join(folder, 'sub'))
      shard('sub/model.safetensors', 'a')
      index({ a: path })
      assert.throws(() => openCheckpoint(folder), FormatError)
    })
  }

  it('refuses an index that is none', () => {
    index(undefined)
    assert.throws(() => openCheckpoint(folder), /expected an object "weight_map", got undefined/)
    index(['a'])
    assert.throws(() => openCheckpoint(folder), /expected an object "weight_map"/)
    index({ a: 1 })
    assert.throws(() => openCheckpoint(folder), /a: expected the name of a shard, got 1/)
  })

  it('says what to do with pickled weights, without weights and without a folder', () => {
    assert.throws(() => openCheckpoint(folder), /got a folder without weights/)
    writeFileSync(join(folder, 'pytorch_model.bin'), '')
    assert.throws(() => openCheckpoint(folder), /got pytorch_model\.bin, which is pickled.*save_pretrained/)
    assert.throws(() => openCheckpoint(join(folder, 'none')), /expected a model folder, got no such file/)
  })
})
