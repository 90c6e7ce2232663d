import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mapFile } from '../../../lib/torch.ts'

describe('mapFile', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-map-'))
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })

  it('gives tensors over the bytes, and writing to them leaves the file alone', () => {
    const path = join(folder, 'a.bin')
    writeFileSync(path, new Float32Array([1, 2, 3, 4]))
    const mapping = mapFile(path)
    assert.equal(mapping.byteLength, 16)
    const x = mapping.tensor(4, 12, [3], 'float32')
    assert.deepEqual(x.tolist(), [2, 3, 4])
    x.zero_()
    assert.deepEqual([...new Float32Array(new Uint8Array(readFileSync(path)).buffer)], [1, 2, 3, 4])
  })

  it('copies where the bytes are not aligned', () => {
    const path = join(folder, 'b.bin')
    writeFileSync(path, Buffer.concat([Buffer.from([9]), Buffer.from(new Float64Array([1.5, 2.5]).buffer)]))
    assert.deepEqual(mapFile(path).tensor(1, 16, [2], 'float64').tolist(), [1.5, 2.5])
  })

  it('survives the replacement of the file by a rename', () => {
    const path = join(folder, 'c.bin')
    writeFileSync(path, new Float32Array([1, 2]))
    const x = mapFile(path).tensor(0, 8, [2], 'float32')
    writeFileSync(path + '.new', new Float32Array([7, 8, 9]))
    renameSync(path + '.new', path)
    assert.deepEqual(x.tolist(), [1, 2])
  })

  it('refuses ranges outside the file, wrong lengths and what is no file', () => {
    const path = join(folder, 'd.bin')
    writeFileSync(path, new Uint8Array(8))
    const mapping = mapFile(path)
    assert.throws(() => mapping.tensor(0, 12, [3], 'float32'), { name: 'ArgumentError' })
    assert.throws(() => mapping.tensor(-4, 4, [1], 'float32'), { name: 'ArgumentError' })
    assert.throws(() => mapping.tensor(0, 8, [3], 'float32'), { name: 'ArgumentError' })
    assert.throws(() => mapping.tensor(0, 0, [2 ** 40, 2 ** 40, 0], 'float32'))
    assert.throws(() => mapping.bytes(4, 8), { name: 'ArgumentError' })
    assert.throws(() => mapFile(join(folder, 'none')), /No such file/)
    assert.throws(() => mapFile(folder), /not a regular file/)
  })
})
