import { noGrad, scope, tensor } from '../../../lib/torch.ts'
import type { BenchCase, BenchRow } from '../case.ts'
import { spread } from '../turns.ts'
import { seconds } from '../work.ts'

const calls = 20_000

/** One 4x4 operator through the addon. */
export const opCall: BenchCase = {
  name: 'op-call',
  async run({ rounds }) {
    const a = tensor(new Float32Array(16), { shape: [4, 4] })
    const b = tensor(new Float32Array(16), { shape: [4, 4] })
    const bodies: Record<string, () => void> = {
      'add, in scopes of 100': () => {
        for (let i = 0; i < calls / 100; i++) {
          scope(() => {
            for (let j = 0; j < 100; j++) a.add(b)
          })
        }
      },
      'add_, in place': () =>
        noGrad(() => {
          for (let i = 0; i < calls; i++) a.add_(b)
        }),
      shape: () => {
        for (let i = 0; i < calls; i++) void a.shape
      },
    }
    const rows: BenchRow[] = []
    for (const [shape, body] of Object.entries(bodies)) {
      const times: number[] = []
      for (let i = 0; i < Math.max(5, rounds / 2); i++) {
        times.push((seconds(body) * 1e6) / calls)
        await new Promise(done => setImmediate(done))
      }
      rows.push({ case: 'op-call', shape, ours: spread(times.slice(1)), unit: 'µs' })
    }
    return rows
  },
}
