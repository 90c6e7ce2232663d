import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { empty, getRngState, manualSeed, rand, randn, randperm, setRngState, zeros } from '../../../lib/torch.ts'

describe('random numbers', () => {
  it("are PyTorch's for the same seed", () => {
    manualSeed(0)
    // torch.manual_seed(0); torch.randn(3)
    assert.deepEqual(randn([3]).tolist(), [1.5409960746765137, -0.293428897857666, -2.1787893772125244])
  })

  it('repeat after manualSeed and after setRngState', () => {
    manualSeed(7)
    const first = rand([5]).tolist()
    const state = getRngState()
    const second = [randn([100]).tolist(), randperm(20).tolist(), zeros([50]).bernoulli_(0.5).tolist()]
    setRngState(state)
    assert.deepEqual([randn([100]).tolist(), randperm(20).tolist(), zeros([50]).bernoulli_(0.5).tolist()], second)
    manualSeed(7)
    assert.deepEqual(rand([5]).tolist(), first)
  })

  it('have the asked for range and moments', () => {
    const uniform = empty([10_000]).uniform_({ from: -2, to: 3 })
    assert.ok(uniform.min().item() >= -2 && uniform.max().item() < 3)
    assert.ok(Math.abs(uniform.mean().item() - 0.5) < 0.1)
    const normal = empty([10_000]).normal_({ mean: 1, std: 2 })
    assert.ok(Math.abs(normal.mean().item() - 1) < 0.1 && Math.abs(normal.std().item() - 2) < 0.1)
  })

  it('of a worker do not disturb those of this thread', async function () {
    this.timeout(60_000)
    const torch = new URL('../../../lib/torch.js', import.meta.url).href
    const code = `
      import { parentPort } from 'node:worker_threads'
      import { manualSeed, randn } from ${JSON.stringify(torch)}
      manualSeed(3); let last; for (let i = 0; i < 200; i++) last = randn([64])
      parentPort.postMessage(last.tolist())`
    const draw = () => {
      manualSeed(3)
      let last = randn([64])
      for (let i = 1; i < 200; i++) last = randn([64])
      return last.tolist()
    }
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
    const theirs = new Promise((done, failed) => {
      worker.once('message', done)
      worker.once('error', failed)
    })
    const ours = draw()
    assert.deepEqual(await theirs, ours)
    assert.deepEqual(draw(), ours)
    await worker.terminate()
  })
})
