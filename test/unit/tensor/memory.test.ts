import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { addon } from '../../../lib/tensor/index.ts'
import { empty, memoryStats, reclaimMemory, tensor, zeros } from '../../../lib/torch.ts'

describe('memory without scopes', function () {
  this.timeout(120_000)

  it('2,000 results of 4 MiB in one synchronous loop stay below 1 GiB resident', () => {
    // In a process of its own: the resident size of this one is the other tests' too.
    const torch = new URL('../../../lib/torch.js', import.meta.url).href
    const code = `
      import { ones } from ${JSON.stringify(torch)}
      const x = ones([1024, 1024]); let peak = 0
      for (let i = 0; i < 2000; i++) { x.add(i); if (i % 20 === 0) peak = Math.max(peak, process.memoryUsage().rss) }
      console.log(peak)`
    const peak = Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }))
    assert.ok(peak > 0 && peak < 2 ** 30, `resident ${peak}`)
  })

  it('a million small operators keep fewer than 50,000 live handles', () => {
    const x = tensor([1, 2, 3])
    let most = 0
    for (let i = 0; i < 1_000_000; i++) {
      x.add(1)
      if (i % 1000 === 0) most = Math.max(most, memoryStats().liveTensors)
    }
    assert.ok(most > 1000 && most < 50_000, `live ${most}`)
  })

  it('a large result is made of memory that an earlier one has left', () => {
    zeros([1024, 1024]).dispose()
    const before = memoryStats().cachedBytes
    assert.ok(before >= 4 * 2 ** 20)
    const x = zeros([1000, 1024])
    assert.ok(memoryStats().cachedBytes < before)
    x.dispose()
    assert.equal(memoryStats().cachedBytes, before)
    reclaimMemory()
    assert.equal(memoryStats().cachedBytes, 0)
  })

  it('counts the bytes of a storage as they were when it was first seen', () => {
    const before = memoryStats().liveBytes
    const x = tensor(new Float32Array(1000))
    const resize = addon().bind('aten::resize_', '', false)
    assert.equal(resize(x, [100_000]), x)
    x.dispose()
    assert.equal(memoryStats().liveBytes, before)
    const meta = empty([1000], { device: 'meta' })
    assert.equal(memoryStats().liveBytes, before)
    meta.dispose()
  })

  it('reports its bytes to V8 in steps', () => {
    const before = memoryStats().reportedBytes
    const x = zeros([4096, 1024])
    assert.ok(memoryStats().reportedBytes - before >= 8 * 2 ** 20)
    x.dispose()
    assert.ok(Math.abs(memoryStats().reportedBytes - memoryStats().liveBytes) < 8 * 2 ** 20)
  })
})
