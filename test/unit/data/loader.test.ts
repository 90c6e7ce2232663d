import assert from 'node:assert/strict'
import { IndexLoader } from '../../../lib/data/index.ts'

const options = { count: 10, batchSize: 4, seed: 0 }
const take = (loader: IndexLoader, batches: number) => Array.from({ length: batches }, () => loader.next())

describe('loader', () => {
  it('hands out every row once a pass, the last batch being smaller', () => {
    const loader = new IndexLoader(options)
    assert.equal(loader.batchesPerEpoch, 3)
    for (let epoch = 0; epoch < 3; epoch++) {
      const batches = take(loader, 3)
      assert.deepEqual(batches.map(batch => batch.indices.length), [4, 4, 2]) // biome-ignore format: short
      assert.deepEqual(batches.map(batch => batch.last), [false, false, true]) // biome-ignore format: short
      assert.ok(batches.every(batch => batch.epoch === epoch))
      const rows = batches.flatMap(batch => batch.indices).sort((x, y) => x - y)
      assert.deepEqual(rows, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }
  })

  it('draws a new order each pass, by seed and stream', () => {
    const order = (loader: IndexLoader) => JSON.stringify([...loader.epoch()].flatMap(batch => batch.indices))
    const loader = new IndexLoader({ ...options, count: 100 })
    const others = [{ seed: 1 }, { stream: 'upper' }].map(change =>
      order(new IndexLoader({ ...options, count: 100, ...change })),
    )
    assert.equal(new Set([order(loader), order(loader), ...others]).size, 4)
    assert.equal(order(new IndexLoader({ ...options, count: 100 })), order(new IndexLoader({ ...options, count: 100 })))
  })

  it('hands rows out in their own order where asked', () => {
    const loader = new IndexLoader({ ...options, shuffle: false })
    assert.deepEqual(take(loader, 4).map(batch => batch.indices), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]) // biome-ignore format: short
  })

  it('goes on exactly where its state was taken, wherever that was', () => {
    for (let before = 0; before < 8; before++) {
      const loader = new IndexLoader({ ...options, stream: 'lower' })
      take(loader, before)
      const state = JSON.parse(JSON.stringify(loader.state()))
      const resumed = new IndexLoader({ ...options, seed: 99, stream: 'lower' })
      resumed.restore(state)
      assert.deepEqual(take(resumed, 10), take(loader, 10), `after ${before}`)
      assert.deepEqual(resumed.state(), loader.state())
    }
  })

  it('goes on with another batch size without losing or repeating rows', () => {
    const loader = new IndexLoader(options)
    const first = loader.next().indices
    const resumed = new IndexLoader({ ...options, batchSize: 5 })
    resumed.restore(loader.state())
    const rest = [...resumed.epoch()].flatMap(batch => batch.indices)
    assert.deepEqual([...first, ...rest].sort((x, y) => x - y), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) // biome-ignore format: short
  })

  it('has batches larger than the data, and a single row', () => {
    assert.equal(new IndexLoader({ ...options, batchSize: 64 }).next().indices.length, 10)
    assert.deepEqual(new IndexLoader({ count: 1, batchSize: 1, seed: 0 }).next(), {
      indices: [0],
      epoch: 0,
      last: true,
    })
  })

  it('refuses no rows, no batch size, and states of other data or none', () => {
    for (const bad of [{ count: 0 }, { count: 1.5 }, { batchSize: 0 }, { batchSize: Number.NaN }]) {
      assert.throws(() => new IndexLoader({ ...options, ...bad }), { name: 'ArgumentError', code: 'DATA_LOADER' })
    }
    const loader = new IndexLoader(options)
    const state = loader.state()
    assert.throws(() => loader.restore({ ...state, count: 11 }), {
      name: 'DataError',
      message: /for 10 rows, got one for 11/,
    })
    for (const bad of [
      { position: 10 },
      { position: -1 },
      { epoch: -1 },
      { epoch: 0.5 },
      { seed: undefined as unknown as number },
    ]) {
      assert.throws(() => loader.restore({ ...state, ...bad }), {
        code: 'DATA_LOADER_STATE',
        message: /the checkpoint is damaged/,
      })
    }
  })
})
