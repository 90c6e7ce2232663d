import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { placeFiles } from '../../../lib/train/place-files.ts'

describe('placeFiles', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-place-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const fill =
    (...names: string[]) =>
    async (aside: string) => {
      for (const name of names) await writeFile(join(aside, name), `new ${name}`)
      return names.length
    }

  it('makes a new folder, with those above it, and gives what fill gives', async () => {
    const target = join(folder, 'deep', 'saved')
    assert.equal(await placeFiles(target, fill('config.json', 'model.safetensors')), 2)
    assert.deepEqual(readdirSync(target).sort(), ['config.json', 'model.safetensors'])
    assert.deepEqual(readdirSync(join(folder, 'deep')), ['saved'])
  })

  it('in a folder that is there: a model of the other kind goes, everything else stays', async () => {
    const target = join(folder, 'out')
    mkdirSync(join(target, 'run'), { recursive: true })
    for (const name of ['config.json', 'model.safetensors', 'notes.txt', 'README.md', join('run', 'metrics.jsonl')]) {
      writeFileSync(join(target, name), `old ${name}`)
    }
    await placeFiles(target, fill('adapter_config.json', 'adapter_model.safetensors', 'README.md'))
    assert.deepEqual(readdirSync(target).sort(), [
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'notes.txt',
      'run',
    ])
    assert.equal(readFileSync(join(target, 'README.md'), 'utf8'), 'new README.md')
    assert.deepEqual(readdirSync(join(target, 'run')), ['metrics.jsonl'])
    assert.deepEqual(readdirSync(folder), ['out'])
  })

  it('changes nothing where fill throws', async () => {
    const target = join(folder, 'out')
    mkdirSync(target)
    writeFileSync(join(target, 'config.json'), 'old')
    await assert.rejects(
      placeFiles(target, async aside => {
        await fill('config.json')(aside)
        throw new Error('full')
      }),
      /full/,
    )
    assert.equal(readFileSync(join(target, 'config.json'), 'utf8'), 'old')
    assert.deepEqual(readdirSync(folder), ['out'])
  })
})
