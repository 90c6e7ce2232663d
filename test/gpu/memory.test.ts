import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cuda, empty, memoryStats, ones, reclaimMemory, scope, zeros } from '../../lib/torch.ts'
import { describeOnCuda, device } from './device.ts'

const size = 64 * 2 ** 20

describeOnCuda('memory of the device', () => {
  // Garbage of other tests must not go in the middle of a count.
  beforeEach(reclaimMemory)

  it('can be asked for before there is a tensor on it', () => {
    const torch = new URL('../../lib/torch.js', import.meta.url).href
    const code = `import { cuda } from ${JSON.stringify(torch)}
      cuda.resetPeakMemory(); cuda.emptyCache(); cuda.synchronize(); console.log(JSON.stringify(cuda.memory()))`
    const { allocatedBytes, totalBytes } = JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
    )
    assert.equal(allocatedBytes, 0)
    assert.ok(totalBytes > 0)
  })

  it('is counted as tensors come and go', () => {
    const before = cuda.memory(device)
    const live = memoryStats().liveBytes
    const x = zeros([size / 4], { device })
    assert.ok(cuda.memory(device).allocatedBytes >= before.allocatedBytes + size)
    assert.ok(memoryStats().liveBytes >= live + size, 'the tensor counts in this environment too')
    x.dispose()
    assert.equal(cuda.memory(device).allocatedBytes, before.allocatedBytes)
    const { freeBytes, totalBytes, reservedBytes } = cuda.memory(device)
    assert.ok(freeBytes > 0 && freeBytes < totalBytes)
    assert.ok(reservedBytes >= before.allocatedBytes)
  })

  it('remembers its peak until that is reset', () => {
    cuda.resetPeakMemory(device)
    const start = cuda.memory(device)
    assert.equal(start.peakAllocatedBytes, start.allocatedBytes)
    zeros([size / 4], { device }).dispose()
    const peak = cuda.memory(device).peakAllocatedBytes
    assert.ok(peak >= start.allocatedBytes + size)
    cuda.resetPeakMemory(device)
    assert.ok(cuda.memory(device).peakAllocatedBytes < peak)
  })

  it('goes back to the driver with emptyCache', () => {
    empty([size / 4], { device }).dispose()
    const reserved = cuda.memory(device).reservedBytes
    assert.ok(reserved >= size)
    cuda.emptyCache()
    assert.ok(cuda.memory(device).reservedBytes <= reserved - size)
  })

  it('of a scope is free at its end, and synchronize waits for what was queued', () => {
    const before = cuda.memory(device).allocatedBytes
    scope(() => {
      let x = ones([1024, 1024], { device })
      for (let i = 0; i < 20; i++) x = x.matmul(x).clamp({ min: 0, max: 1 })
      cuda.synchronize(device)
      assert.equal(x.select(0, 0).select(0, 0).item(), 1)
    })
    // cuBLAS keeps its workspace from the first product on.
    assert.ok(cuda.memory(device).allocatedBytes <= before + size)
  })
})
