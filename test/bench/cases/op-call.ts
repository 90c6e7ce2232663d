import { noGrad, scope, tensor } from '../../../lib/torch.ts'
import type { BenchCase, BenchRow } from '../case.ts'
import { nativeCalls } from '../op-call-native.ts'
import { spread } from '../turns.ts'
import { seconds } from '../work.ts'

const calls = 20_000

/** One 4x4 operator through the addon, and the same call from C++. */
export const opCall: BenchCase = {
  name: 'op-call',
  async *run({ rounds }) {
    const repetitions = Math.max(5, rounds / 2)
    const native = nativeCalls(calls, repetitions)
    for (const { shape, twin, times } of await ourCalls(repetitions)) {
      const theirs = twin === undefined ? undefined : native?.get(twin)
      const row: BenchRow = { case: 'op-call', shape, ours: spread(times), unit: 'µs' }
      if (theirs === undefined) {
        yield row
        continue
      }
      const [ours, peer] = [spread(times), spread(theirs)]
      yield { ...row, peer: { name: 'C++', ...peer }, ratio: ours.median / peer.median }
      const above = { minimum: ours.minimum - peer.minimum, median: ours.median - peer.median }
      yield { case: 'op-call', shape: `${shape}: above C++`, ours: above, unit: 'µs', note: 'target: 2 µs' }
    }
  },
}

/** Microseconds a call, of the addon; `twin` is the same in C++. */
export async function ourCalls(repetitions: number): Promise<{ shape: string; twin?: string; times: number[] }[]> {
  const a = tensor(new Float32Array(16), { shape: [4, 4] })
  const b = tensor(new Float32Array(16), { shape: [4, 4] })
  const bodies: { shape: string; twin?: string; body: () => void }[] = [
    {
      shape: 'add, in scopes of 100',
      twin: 'add',
      body: () => {
        for (let i = 0; i < calls / 100; i++) {
          scope(() => {
            for (let j = 0; j < 100; j++) a.add(b)
          })
        }
      },
    },
    {
      shape: 'add_, in place',
      twin: 'add_',
      body: () =>
        noGrad(() => {
          for (let i = 0; i < calls; i++) a.add_(b)
        }),
    },
    {
      shape: 'shape',
      body: () => {
        for (let i = 0; i < calls; i++) void a.shape
      },
    },
  ]
  const results = []
  for (const { body, ...named } of bodies) {
    const times: number[] = []
    for (let i = 0; i <= repetitions; i++) {
      times.push((seconds(body) * 1e6) / calls)
      await new Promise(done => setImmediate(done))
    }
    results.push({ ...named, times: times.slice(1) })
  }
  return results
}
