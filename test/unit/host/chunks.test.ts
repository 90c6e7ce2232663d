import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { AbortError } from '../../../lib/errors.ts'
import { abortable, type ChunkLimits, chunks, type Source } from '../../../lib/host/chunks.ts'

const never = new AbortController().signal
const wide: ChunkLimits = { items: 1000, characters: 1_000_000 }

async function collect<T>(source: Source<T>, limits: ChunkLimits): Promise<T[][]> {
  const parts: T[][] = []
  for await (const part of chunks(source, limits, never)) parts.push(part)
  return parts
}

describe('host/chunks', () => {
  it('cuts by number and by characters, in order', async () => {
    assert.deepEqual(await collect([1, 2, 3, 4, 5], { items: 2, characters: 100 }), [[1, 2], [3, 4], [5]])
    const texts = [{ text: 'aaaa' }, { text: 'bb', pair: 'bb' }, { text: 'c' }]
    const parts = await collect(texts, { items: 10, characters: 8 })
    assert.deepEqual(
      parts.map(part => part.length),
      [2, 1],
    )
  })

  it('gives nothing for an empty source', async () => {
    assert.deepEqual(await collect([], wide), [])
  })

  it('sends on what a pausing source has given', async () => {
    const source = (async function* () {
      yield 'a'
      yield 'b'
      await delay(60)
      yield 'c'
    })()
    assert.deepEqual(await collect(source, wide), [['a', 'b'], ['c']])
  })

  it('shows every item to the check, with its position in the whole', async () => {
    const seen: number[] = []
    const check = (item: string, position: number) => {
      seen.push(position)
      if (item === 'bad') throw new Error('bad')
    }
    const read = async () => {
      for await (const _ of chunks(['a', 'b', 'bad', 'c'], { items: 1, characters: 9 }, never, check));
    }
    await assert.rejects(read(), /bad/)
    assert.deepEqual(seen, [0, 1, 2])
  })

  it('closes its source when it is left early, and when the check throws', async () => {
    let closed = 0
    const source = function* () {
      try {
        while (true) yield 'x'
      } finally {
        closed++
      }
    }
    for await (const _ of chunks(source(), { items: 1, characters: 9 }, never)) break
    assert.equal(closed, 1)
  })

  it('fails with what the source throws', async () => {
    const source = (async function* () {
      yield 1
      throw new RangeError('own')
    })()
    await assert.rejects(collect(source, wide), RangeError)
  })

  it('leaves no rejection behind when it is aborted before the source fails', async () => {
    const controller = new AbortController()
    const failing = (async function* () {
      yield 1
      await delay(30)
      throw new Error('too late')
    })()
    const reading = (async () => {
      for await (const _ of chunks(failing, wide, controller.signal));
    })()
    setTimeout(() => controller.abort(), 5)
    await assert.rejects(reading, AbortError)
    await delay(50) // an unhandled rejection would end the test run
  })

  it('abortable gives the value, or the error of the abort with its reason', async () => {
    assert.equal(await abortable(3, never), 3)
    assert.equal(await abortable(Promise.resolve(4), never), 4)
    const reason = new Error('why')
    await assert.rejects(abortable(new Promise(() => {}), AbortSignal.abort(reason)), {
      name: 'AbortError',
      cause: reason,
    })
  })
})
