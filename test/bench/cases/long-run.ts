import assert from 'node:assert/strict'
import { memoryStats } from '../../../lib/torch.ts'
import type { BenchCase } from '../case.ts'
import { randomModel, randomTexts } from '../random-model.ts'
import { roundStepper } from '../steps.ts'
import { spread } from '../turns.ts'
import { loadBatch, median } from '../work.ts'

const sizes = { layers: 2, hidden: 32, heads: 2, intermediate: 64, rank: 8 }
/** Rounds whose times are compared, at the start (after the first hundred) and at the end, in parts. */
const window = 500
const part = 50
const settled = 100

/** Ten thousand rounds of a small model: nothing may grow, neither time nor tensors nor memory. */
export const longRun: BenchCase = {
  name: 'long-run',
  async *run({ quick, longRounds }) {
    const rounds = Math.max(longRounds ?? (quick ? 1200 : 10_000), settled + 2 * window)
    const { model, lower, upper } = randomModel(sizes, 'bidora')
    // Batches of a few shapes, as in a training.
    const batches = Array.from({ length: 16 }, (_, i) =>
      loadBatch(
        randomTexts(
          Array.from({ length: 4 }, (_, text) => 4 + ((i * 5 + text * 3) % 12)),
          i,
        ),
      ),
    )
    const round = roundStepper(model, lower, upper)
    // Time of the processor, not of the clock: other work on the machine comes and goes within minutes.
    const times: number[] = []
    let before = process.cpuUsage()
    const start = { live: 0, used: 0, resident: 0 }
    for (let i = 1; i <= rounds; i++) {
      const input = { lower: batches[i % 12]!, upper: batches[12 + (i % 4)]! }
      round(input)
      if (i % 10 === 0) await new Promise(done => setImmediate(done))
      if (i % part === 0) {
        const { user, system } = process.cpuUsage(before)
        times.push((user + system) / 1e3 / part)
        before = process.cpuUsage()
      }
      const { liveTensors, usedBytes } = memoryStats()
      if (i === settled) {
        Object.assign(start, { live: liveTensors, used: usedBytes, resident: process.memoryUsage().rss })
      } else if (i > settled) {
        assert.equal(liveTensors, start.live, `live tensors after round ${i}`)
      }
    }
    const megabytes = (bytes: number) => `${bytes >= 0 ? '+' : ''}${(bytes / 2 ** 20).toFixed(1)} MB`
    const [first, last] = [times.slice(settled / part, (settled + window) / part), times.slice(-window / part)]
    const used = megabytes(memoryStats().usedBytes - start.used)
    const resident = megabytes(process.memoryUsage().rss - start.resident)
    model.dispose()
    yield {
      case: 'long-run',
      shape: `${rounds} rounds of a small model`,
      name: `last ${window} rounds, CPU time`,
      ours: spread(last),
      peer: { name: `first ${window} after ${settled}`, ...spread(first) },
      ratio: median(last) / median(first),
      note: `${start.live} live tensors at the end of every round from ${settled} on; tensors ${used}, resident memory ${resident}`,
    }
  },
}
