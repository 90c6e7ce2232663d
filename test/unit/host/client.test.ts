import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { AbortError, BidoraError, DataError } from '../../../lib/errors.ts'
import { ModelClient } from '../../../lib/host/client.ts'

const stubFile = new URL('./stub-worker.js', import.meta.url)
const ignore = () => {}
const unexpected = () => assert.fail('expected a rejection')

describe('host/client', () => {
  let client: ModelClient
  beforeEach(async () => {
    client = new ModelClient(stubFile)
    await client.run('create', undefined, operation => operation.call('create', { directory: 'stub', options: {} }))
  })
  afterEach(() => client.dispose())

  const tune = (
    text: string,
    options: { signal?: AbortSignal; onProgress?: (value: unknown) => void; output?: string } = {},
  ) =>
    client.run('fit', options.signal, async operation => {
      const examples = await operation.upload([{ text }])
      const input = { examples, validation: undefined, test: undefined, options: { output: options.output } }
      return operation.call('fit', input, options.onProgress)
    })

  it('reports progress in order and then the result', async () => {
    const steps: number[] = []
    await tune('train', { onProgress: value => void steps.push((value as { step: number }).step) })
    assert.deepEqual(steps, [1, 2, 3, 4, 5])
  })

  it('leaves the event loop free: a timer fires between two reports', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const seen: number[] = []
    await tune('train', { onProgress: () => void seen.push(ticks) })
    clearInterval(timer)
    assert.ok(seen.at(-1)! > seen[0]!, `ticks at each report: ${seen}`)
  })

  it('revives an error with class, code, details and the stack of the caller', async () => {
    const error = await tune('explode').then(unexpected, (reason: unknown) => reason)
    assert.ok(error instanceof DataError)
    assert.equal(error.code, 'BAD')
    assert.equal(error.message, 'fit: stub')
    assert.equal(error.details.line, 3)
    assert.equal(typeof error.details.call, 'string')
    assert.match(error.stack ?? '', /client\.test/)
    assert.match(error.stack ?? '', /stub-worker/)
  })

  it('keeps name and cause of a foreign error', async () => {
    const create = client.run('create', undefined, operation =>
      operation.call('create', { directory: 'missing', options: {} }),
    )
    const error = await create.then(unexpected, (reason: Error) => reason)
    assert.equal(error.name, 'TypeError')
    assert.equal((error.cause as Error).message, 'inner')
  })

  it('runs operations in the order in which they were begun', async () => {
    const order: string[] = []
    const slow = (async function* () {
      await delay(30)
      yield { text: 'first' }
    })()
    const first = client.run('evaluate', undefined, async operation => {
      await operation.call('evaluate', { examples: await operation.upload(slow) })
      order.push('first')
    })
    const second = client.run('predict', undefined, async operation => {
      await operation.call('predict', { inputs: ['x'] })
      order.push('second')
    })
    await Promise.all([first, second])
    assert.deepEqual(order, ['first', 'second'])
  })

  it('uploads every item of a long source, in small messages', async () => {
    const texts = Array.from({ length: 2000 }, (_, index) => ({ text: `text ${index}` }))
    const scores = await client.run('evaluate', undefined, async operation =>
      operation.call('evaluate', { examples: await operation.upload(texts) }),
    )
    assert.equal(scores.examples, 2000)
  })

  it('reads a source no faster than the worker takes it in', async () => {
    let given = 0
    const endless = (function* () {
      while (true) {
        given++
        yield { text: 'x' }
      }
    })()
    const controller = new AbortController()
    const upload = client.run('evaluate', controller.signal, operation => operation.upload(endless))
    await delay(10)
    controller.abort()
    await assert.rejects(upload, AbortError)
    const after = given
    await delay(20)
    assert.equal(given, after)
  })

  it('refuses what is no plain data, and goes on afterwards', async () => {
    const upload = client.run('evaluate', undefined, operation => operation.upload([{ text: 'x', label: () => 1 }]))
    await assert.rejects(upload, { name: 'ArgumentError', code: 'NOT_PLAIN' })
    await tune('train')
  })

  describe('abort', () => {
    it('ends a training at its next step and tells of the checkpoint', async () => {
      const controller = new AbortController()
      const running = tune('endless', {
        signal: controller.signal,
        output: './run',
        onProgress: () => controller.abort(),
      })
      const error = await running.then(unexpected, (reason: unknown) => reason)
      assert.ok(error instanceof AbortError)
      assert.equal(error.details.checkpoint, './run')
      assert.equal(
        (await client.run('predict', undefined, o => o.call('predict', { inputs: ['still there'] }))).length,
        1,
      )
    })

    it('refuses at once what was aborted before', async () => {
      await assert.rejects(tune('train', { signal: AbortSignal.abort(new Error('why')) }), (error: Error) => {
        assert.ok(error instanceof AbortError)
        assert.equal((error.cause as Error).message, 'why')
        return true
      })
    })

    it('ends a wait in the queue at once', async () => {
      const first = new AbortController()
      const running = tune('endless', { signal: first.signal })
      const second = new AbortController()
      const waiting = tune('train', { signal: second.signal })
      second.abort()
      await assert.rejects(waiting, AbortError)
      first.abort()
      await assert.rejects(running, AbortError)
    })

    it('ends a wait for a source that has stopped giving', async () => {
      const silent = (async function* () {
        yield { text: 'x' }
        await new Promise(ignore)
      })()
      const controller = new AbortController()
      const upload = client.run('evaluate', controller.signal, operation => operation.upload(silent))
      setTimeout(() => controller.abort(), 40)
      await assert.rejects(upload, AbortError)
    })
  })

  it('fails with what the callback threw', async () => {
    const own = new Error('mine')
    const running = tune('endless', {
      onProgress: () => {
        throw own
      },
    })
    assert.equal(await running.catch((error: unknown) => error), own)
  })

  it('fails with what the source threw, and goes on afterwards', async () => {
    const own = new Error('mine')
    const broken = (function* () {
      yield { text: 'x' }
      throw own
    })()
    const upload = client.run('evaluate', undefined, operation => operation.upload(broken))
    assert.equal(await upload.catch((error: unknown) => error), own)
    await tune('train')
  })

  it('leaves nothing in the thread of a call that failed', async () => {
    const own = new Error('mine')
    const twice = client.run('fit', undefined, async operation => {
      const first = await operation.upload([{ text: 'x' }])
      await operation.upload(
        (function* () {
          yield { text: 'y' }
          throw own
        })(),
      )
      return first
    })
    assert.equal(await twice.catch((error: unknown) => error), own)
    const left = client.run('evaluate', undefined, o => o.call('evaluate', { examples: 2 }))
    assert.equal((await left).examples, 0)
  })

  describe('end of the thread', () => {
    it('rejects all that waits with a sentence, and what comes later too', async () => {
      const failures = await Promise.all([tune('die').catch((e: Error) => e), tune('train').catch((e: Error) => e)])
      for (const failure of failures) {
        assert.ok(failure instanceof BidoraError)
        assert.equal(failure.code, 'WORKER_ENDED')
        assert.match(failure.message, /has ended .*load the model again/)
      }
      await assert.rejects(tune('train'), { code: 'WORKER_ENDED' })
    })

    it('names an error that nobody caught in it', async () => {
      await tune('throw later')
      // The error arrives on a port of its own, so between which two calls is not known.
      const callUntilItEnds = async () => {
        for (;;) await tune('train')
      }
      await assert.rejects(callUntilItEnds(), /out of hand/)
      await assert.rejects(tune('train'), /out of hand/)
    })

    it('says what to do where its program is missing', async () => {
      const lost = new ModelClient(new URL('./nowhere.js', import.meta.url))
      const load = lost.run('load', undefined, operation => operation.call('load', { directory: 'x', options: {} }))
      await assert.rejects(load, /program was not found.*bundled/s)
      await lost.dispose()
    })
  })

  describe('dispose', () => {
    it('stops what runs and what waits, and may be called twice', async () => {
      const results = [tune('endless').catch((e: unknown) => e), tune('train').catch((e: unknown) => e)]
      await delay(30)
      await Promise.all([client.dispose(), client.dispose()])
      for (const result of await Promise.all(results)) assert.ok(result instanceof AbortError, String(result))
    })

    it('does not wait for a source that gives nothing', async () => {
      const silent = (async function* () {
        yield { text: 'x' }
        await new Promise(ignore)
      })()
      const waiting = client.run('evaluate', undefined, operation => operation.upload(silent))
      const rejected = assert.rejects(waiting, AbortError)
      await delay(5)
      await client.dispose()
      await rejected
    })

    it('refuses later calls by a sentence', async () => {
      await client.dispose()
      await assert.rejects(tune('train'), {
        code: 'DISPOSED',
        message: /fit: expected a model, got one that was disposed/,
      })
    })
  })

  it('keeps several models apart', async () => {
    const others = ['a', 'b', 'c'].map(name => ({ name, client: new ModelClient(stubFile) }))
    const infos = await Promise.all(
      others.map(other =>
        other.client.run('create', undefined, o => o.call('create', { directory: other.name, options: {} })),
      ),
    )
    assert.deepEqual(
      infos.map(info => info.modelType),
      ['a', 'b', 'c'],
    )
    await Promise.all(others.map(other => other.client.dispose()))
  })
})
