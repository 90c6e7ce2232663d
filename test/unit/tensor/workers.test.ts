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

  // In each of these something of Node-API fails at once when the worker may no longer run JavaScript.
  const loops: Readonly<Record<string, string>> = {
    'an operator that throws': `try { a.matmul(randn([5])) } catch {}`,
    'an argument that is refused': `try { a.sum({ dim: ['x'] }) } catch {}`,
    scopes: `scope(() => { a.add(1); scope(() => a.unbind()) })`,
    'asynchronous scopes': `await scope(async () => { a.add(1); await 0; a.add(2) })`,
    bytes: `a.data(); getRngState(); tensor([1])`,
    'much garbage': `zeros([1024, 1024])`,
  }
  for (const [what, body] of Object.entries(loops)) {
    it(`terminating a worker that loops over ${what} leaves the process alive`, () => {
      const worker = `
        import { parentPort } from 'node:worker_threads'
        import { getRngState, randn, scope, setNumThreads, tensor, zeros } from ${JSON.stringify(torch)}
        setNumThreads(1)
        const a = randn([2, 3])
        parentPort.postMessage('ready')
        for (;;) { ${body} }`
      const code = `
        import { Worker } from 'node:worker_threads'
        const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}))
        await Promise.all([20, 30, 40, 50].map(async time => {
          const w = new Worker(url)
          await new Promise((done, failed) => w.once('message', () => setTimeout(done, time)).once('error', failed))
          await w.terminate()
        }))`
      const { status, stderr } = run(code)
      assert.equal(status, 0, stderr)
    })
  }

  it('the addon stays mapped when the last worker that loaded it ends', () => {
    const worker = `import { randn } from ${JSON.stringify(torch)}; randn([300, 300])`
    const code = `
      import { readFileSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}))
      for (let i = 0; i < 2; i++) await new Promise(done => new Worker(url).once('exit', done))
      console.log(readFileSync('/proc/self/maps', 'utf8').includes('bidora.node'))`
    const { status, stdout, stderr } = run(code)
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trim(), 'true') // libtorch holds its allocator
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
