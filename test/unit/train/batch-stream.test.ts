import assert from 'node:assert/strict'
import { BatchStream } from '../../../lib/train/batch-stream.ts'

const places = Array.from({ length: 23 }, (_, index) => index * 2)
const stream = (options: Partial<ConstructorParameters<typeof BatchStream>[0]> = {}) =>
  new BatchStream({
    places,
    lengthOf: place => 40 - place,
    batchSize: 5,
    window: 2,
    seed: 3,
    name: 'lower',
    ...options,
  })
const take = (from: BatchStream, count: number) => Array.from({ length: count }, () => from.next())

describe('BatchStream', () => {
  it('goes over every place once an epoch, in another order each time', () => {
    const own = stream()
    const epochs = [take(own, 5), take(own, 5)]
    for (const epoch of epochs)
      assert.deepEqual(
        epoch.flat().sort((a, b) => a - b),
        places,
      )
    assert.notDeepEqual(epochs[0], epochs[1])
  })

  it('the same seed and name give the same order, another name another', () => {
    assert.deepEqual(take(stream(), 12), take(stream(), 12))
    assert.notDeepEqual(take(stream(), 5), take(stream({ name: 'upper' }), 5))
    assert.notDeepEqual(take(stream(), 5), take(stream({ seed: 4 }), 5))
  })

  it('goes in the order of the places where it is asked to, the last batch of an epoch smaller', () => {
    const own = stream({ inOrder: true })
    assert.deepEqual(take(own, 5).flat(), places)
    assert.deepEqual(own.next(), places.slice(0, 5))
    const resumed = stream({ inOrder: true })
    resumed.load(own.state())
    assert.deepEqual(take(resumed, 4).flat(), places.slice(5))
  })

  it('goes on exactly where its state was taken, also at the end of an epoch', () => {
    for (const taken of [0, 3, 5, 7]) {
      const own = stream()
      take(own, taken)
      const resumed = stream()
      resumed.load(JSON.parse(JSON.stringify(own.state())))
      assert.deepEqual(take(resumed, 9), take(own, 9))
    }
  })

  it('takes a sample of a batch: in its order, at least one, every place equally often, the same after a resume', () => {
    for (const window of [1, 2]) {
      const counts = new Map(places.map(place => [place, 0]))
      const own = stream({ window })
      for (let batch = 0; batch < 2000; batch++) {
        const all = own.next()
        const sample = own.sampleOf(all, 0.4)
        assert.equal(sample.length, Math.round(0.4 * all.length))
        assert.deepEqual(
          sample,
          all.filter(place => sample.includes(place)),
        )
        for (const place of sample) counts.set(place, counts.get(place)! + 1)
        if (batch % 97 > 0) continue
        const resumed = stream({ window })
        resumed.load(own.state())
        assert.deepEqual(resumed.sampleOf(all, 0.4), sample)
      }
      // 400 epochs. Batches of 5 give 2 of them, the last of an epoch 1 of 3: about 157 each, with a deviation of 10.
      for (const [place, count] of counts) assert.ok(Math.abs(count - 157) < 45, `${place}: ${count}`)
    }
    const all = stream().next()
    assert.equal(stream().sampleOf(all, 1e-9).length, 1)
    assert.deepEqual(stream().sampleOf(all, 1), all)
  })

  it('sorts by length within the window alone', () => {
    const spread = (batches: number[][]) =>
      batches.reduce((sum, batch) => sum + Math.max(...batch) - Math.min(...batch), 0) / batches.length
    assert.ok(spread(take(stream({ window: 5 }), 5)) < spread(take(stream({ window: 1 }), 5)))
  })
})
