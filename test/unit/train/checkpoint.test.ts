import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { CheckpointStore } from '../../../lib/train/checkpoint.ts'

describe('CheckpointStore', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-checkpoint-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const write = (store: CheckpointStore<{ step: number }>, step: number) => {
    const value = tensor([step, 0.1], { dtype: 'float64' })
    const path = store.save(step, { step }, new Map([['x', value]]))
    value.dispose()
    return path
  }
  const dispose = (tensors: ReadonlyMap<string, Tensor>) => {
    for (const value of tensors.values()) value.dispose()
  }

  it('gives back the newest, to the bit, and keeps only so many', () => {
    const store = new CheckpointStore<{ step: number }>(join(folder, 'checkpoints'), 2)
    assert.equal(store.latest(), undefined)
    for (const step of [3, 20, 100]) write(store, step)
    assert.deepEqual(store.steps(), [100, 20])
    const latest = store.latest()
    assert.deepEqual(latest?.state, { step: 100 })
    assert.deepEqual(latest?.tensors.get('x')?.tolist(), [100, 0.1])
    dispose(latest!.tensors)
  })

  it('keeps named ones besides, for as long as they are named', () => {
    const store = new CheckpointStore<{ step: number }>(folder, 1)
    const save = (step: number, besides: number[]) => store.save(step, { step }, new Map(), { besides })
    for (const step of [1, 2, 3]) save(step, [2])
    assert.deepEqual(store.steps(), [3, 2])
    save(4, [3])
    assert.deepEqual(store.steps(), [4, 3])
    save(5, [])
    assert.deepEqual(store.steps(), [5])
  })

  it('writes a step again in the place of the old one', () => {
    const store = new CheckpointStore<{ step: number }>(folder, 2)
    write(store, 5)
    write(store, 5)
    assert.deepEqual(store.steps(), [5])
  })

  const damages: [string, (path: string) => void][] = [
    ['tensors cut short', path => truncateSync(join(path, 'tensors.safetensors'), 40)],
    ['no tensors', path => rmSync(join(path, 'tensors.safetensors'))],
    ['no state', path => rmSync(join(path, 'state.json'))],
    ['state cut short', path => truncateSync(join(path, 'state.json'), 30)],
    [
      'one byte changed',
      path => {
        const file = join(path, 'tensors.safetensors')
        const bytes = readFileSync(file)
        bytes[bytes.length - 1]! ^= 1
        writeFileSync(file, bytes)
      },
    ],
    ['another format', path => writeFileSync(join(path, 'state.json'), JSON.stringify({ format: 99 }))],
  ]
  for (const [what, damage] of damages) {
    it(`passes over a damaged one (${what}) for the one before, and says so`, () => {
      const store = new CheckpointStore<{ step: number }>(folder, 3)
      write(store, 1)
      damage(write(store, 2))
      const passed: string[] = []
      const latest = store.latest((path, reason) => passed.push(`${path} ${reason}`))
      assert.deepEqual(latest?.state, { step: 1 })
      dispose(latest!.tensors)
      assert.equal(passed.length, 1)
      assert.match(passed[0]!, /step-2/)
    })
  }

  it('takes no half-written folder for a checkpoint and removes it', () => {
    const store = new CheckpointStore<{ step: number }>(folder, 3)
    write(store, 1)
    mkdirSync(join(folder, '.step-2.0123456789ab.partial'))
    const latest = store.latest()
    assert.deepEqual(latest?.state, { step: 1 })
    dispose(latest!.tensors)
    assert.deepEqual(readdirSync(folder), ['step-1'])
  })
})
