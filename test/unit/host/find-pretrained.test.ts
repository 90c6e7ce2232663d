import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBase, findPretrained } from '../../../lib/host/find-pretrained.ts'

describe('host/find-pretrained', () => {
  const variables = ['BIDORA_TORCH_CACHE', 'HF_HUB_CACHE', 'HF_HOME', 'XDG_CACHE_HOME'] as const
  const saved = variables.map(name => process.env[name])
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-find-'))
    process.env.BIDORA_TORCH_CACHE = join(folder, 'own')
    process.env.HF_HUB_CACHE = join(folder, 'hub')
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
    for (const [index, name] of variables.entries()) {
      const value = saved[index]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  function snapshot(commit: string, root = join(folder, 'hub')): string {
    const path = join(root, 'models--org--tiny', 'snapshots', commit)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'config.json'), '{}')
    return path
  }

  it('takes a folder as it is', () => {
    assert.equal(findPretrained(folder, 'here'), folder)
  })

  it('finds a hub id in the hub cache: the only snapshot, or the one of main', () => {
    const first = snapshot('aaa')
    assert.equal(findPretrained('org/tiny', 'here'), first)
    const second = snapshot('bbb')
    assert.throws(() => findPretrained('org/tiny', 'here'), { code: 'MODEL_NOT_FOUND' })
    mkdirSync(join(folder, 'hub', 'models--org--tiny', 'refs'))
    writeFileSync(join(folder, 'hub', 'models--org--tiny', 'refs', 'main'), 'bbb\n')
    assert.equal(findPretrained('org/tiny', 'here'), second)
  })

  it('finds the hub cache where HF_HOME says', () => {
    delete process.env.HF_HUB_CACHE
    process.env.HF_HOME = join(folder, 'home')
    const path = snapshot('aaa', join(folder, 'home', 'hub'))
    assert.equal(findPretrained('org/tiny', 'here'), path)
  })

  it('finds the model of the demo in the own cache under both its names', () => {
    const path = join(folder, 'own', 'models', 'all-MiniLM-L6-v2')
    mkdirSync(path, { recursive: true })
    assert.equal(findPretrained('all-MiniLM-L6-v2', 'here'), path)
    assert.equal(findPretrained('sentence-transformers/all-MiniLM-L6-v2', 'here'), path)
  })

  it('refuses by a sentence that says how to get it', () => {
    assert.throws(() => findPretrained('org/other', 'here'), {
      name: 'SetupError',
      message: /^here: .*'org\/other'.*hf download org\/other/,
    })
    assert.throws(() => findPretrained('./no/such/folder', 'here'), { message: /path of a folder with config\.json/ })
  })

  it('finds the base that a saved adapter names by a hub id, and leaves paths to the reader', () => {
    const adapter = join(folder, 'adapter')
    mkdirSync(adapter)
    const name = (base: unknown) =>
      writeFileSync(join(adapter, 'adapter_config.json'), JSON.stringify({ base_model_name_or_path: base }))
    const path = snapshot('aaa')
    assert.equal(findBase(adapter), undefined)
    name('org/tiny')
    assert.equal(findBase(adapter), path)
    name('org/none')
    assert.equal(findBase(adapter), undefined)
    name(folder)
    assert.equal(findBase(adapter), undefined)
    writeFileSync(join(adapter, 'adapter_config.json'), '{')
    assert.equal(findBase(adapter), undefined)
  })
})
