import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

const torch = new URL('../../../lib/torch.js', import.meta.url).href

function run(code: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 60_000 })
}

describe('several environments', function () {
  this.timeout(120_000)

  it('four workers train at once and the process ends cleanly', () => {
    const worker = `
      import { parentPort } from 'node:worker_threads'
      import { grad, manualSeed, randn, scope, setNumThreads } from ${JSON.stringify(torch)}
      setNumThreads(1); manualSeed(1)
      const w = randn([32, 32]); w.requiresGrad = true
      const x = randn([8, 32])
      for (let i = 0; i < 200; i++) scope(() => { grad(x.matmul(w).square().mean(), [w]) })
      parentPort.postMessage(x.matmul(w).sum().item())`
    const code = `
      import { Worker } from 'node:worker_threads'
      const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}))
      const results = await Promise.all([0, 1, 2, 3].map(() => new Promise((done, failed) => {
        const w = new Worker(url); w.once('message', done); w.once('error', failed) })))
      console.log(new Set(results).size)`
    const { status, stdout, stderr } = run(code)
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trim(), '1')
  })

  it('terminating a worker in the middle of its work leaves the process alive', () => {
    const worker = `
      import { randn } from ${JSON.stringify(torch)}
      const w = randn([256, 256])
      for (;;) w.matmul(w)`
    const code = `
      import { Worker } from 'node:worker_threads'
      import { randn } from ${JSON.stringify(torch)}
      const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}))
      for (let i = 0; i < 3; i++) {
        const w = new Worker(url)
        await new Promise(done => w.once('online', () => setTimeout(done, 300)))
        await w.terminate()
      }
      console.log(randn([2, 2]).matmul(randn([2, 2])).shape.join())`
    const { status, stdout, stderr } = run(code)
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trim(), '2,2')
  })

  it('process.exit in the middle of a worker and with live tensors is clean', () => {
    const worker = `import { randn } from ${JSON.stringify(torch)}; const w = randn([256, 256]); for (;;) w.matmul(w)`
    const code = `
      import { Worker } from 'node:worker_threads'
      import { randn } from ${JSON.stringify(torch)}
      globalThis.kept = [randn([1000, 1000]), randn([10])]
      const w = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})))
      w.once('online', () => setTimeout(() => process.exit(7), 400))`
    const { status, stderr } = run(code)
    assert.equal(status, 7, stderr)
  })
})
