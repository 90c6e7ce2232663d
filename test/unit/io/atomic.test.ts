import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeLeftovers, writeFileAtomic, writeFolderAtomic } from '../../../lib/io/index.ts'

describe('io/atomic', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-atomic-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('replaces a file whole', () => {
    const path = join(folder, 'a.txt')
    writeFileAtomic(path, 'old')
    writeFileAtomic(path, Buffer.from('new'))
    assert.equal(readFileSync(path, 'utf8'), 'new')
    assert.deepEqual(readdirSync(folder), ['a.txt'])
  })

  it('leaves the old file where writing fails', () => {
    const path = join(folder, 'a.txt')
    writeFileAtomic(path, 'old')
    assert.throws(
      () =>
        writeFileAtomic(path, () => {
          throw new Error('disk full')
        }),
      /disk full/,
    )
    assert.equal(readFileSync(path, 'utf8'), 'old')
    assert.deepEqual(readdirSync(folder), ['a.txt'])
  })

  it('replaces a symbolic link and not what it points to', () => {
    writeFileSync(join(folder, 'blob'), 'shared')
    symlinkSync(join(folder, 'blob'), join(folder, 'link'))
    writeFileAtomic(join(folder, 'link'), 'mine')
    assert.equal(readFileSync(join(folder, 'blob'), 'utf8'), 'shared')
    assert.equal(readFileSync(join(folder, 'link'), 'utf8'), 'mine')
  })

  it('makes and replaces folders whole', () => {
    const path = join(folder, 'step-1')
    const result = writeFolderAtomic(path, aside => {
      writeFileSync(join(aside, 'a'), '1')
      assert.deepEqual(readdirSync(folder).includes('step-1'), false)
      return 7
    })
    assert.equal(result, 7)
    writeFolderAtomic(path, aside => writeFileSync(join(aside, 'b'), '2'))
    assert.deepEqual(readdirSync(path), ['b'])
    assert.deepEqual(readdirSync(folder), ['step-1'])
  })

  it('leaves the old folder where filling fails', () => {
    const path = join(folder, 'step-1')
    writeFolderAtomic(path, aside => writeFileSync(join(aside, 'a'), '1'))
    assert.throws(
      () =>
        writeFolderAtomic(path, aside => {
          writeFileSync(join(aside, 'b'), '2')
          throw new Error('stopped')
        }),
      /stopped/,
    )
    assert.deepEqual(readdirSync(path), ['a'])
    assert.deepEqual(readdirSync(folder), ['step-1'])
  })

  it('removes what interrupted writers left, and nothing else', () => {
    writeFileSync(join(folder, '.a.txt.0123456789ab.partial'), '')
    mkdirSync(join(folder, '.step-1.0123456789ab.partial'))
    writeFileSync(join(folder, '.hidden'), '')
    writeFileSync(join(folder, 'a.partial'), '')
    assert.equal(removeLeftovers(folder), 2)
    assert.deepEqual(readdirSync(folder).sort(), ['.hidden', 'a.partial'])
    assert.equal(removeLeftovers(join(folder, 'none')), 0)
  })
})
