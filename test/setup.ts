import assert from 'node:assert/strict'
import type { Context } from 'mocha'
import { manualSeed, memoryStats, reclaimMemory, setNumThreads } from '../lib/torch.ts'

let liveBefore = 0

/** Root hooks: every test starts from one seed, and leaves no tensor behind. */
export const mochaHooks = {
  beforeAll(): void {
    setNumThreads(Number(process.env.BIDORA_TEST_THREADS ?? 1))
  },
  beforeEach(): void {
    manualSeed(0)
    liveBefore = memoryStats().liveTensors
  },
  async afterEach(this: Context): Promise<void> {
    if (this.currentTest?.state !== 'passed') return
    // Garbage is not a leak: what remains after a collection is held by somebody. Frames that have just returned may
    // hold their last value for one more turn.
    for (let turn = 0; turn < 3 && memoryStats().liveTensors > liveBefore; turn++) {
      reclaimMemory()
      await new Promise(resolve => setImmediate(resolve))
    }
    const left = memoryStats().liveTensors - liveBefore
    assert.ok(left <= 0, `the test leaves ${left} tensors that something still holds`)
  },
}
