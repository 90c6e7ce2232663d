import assert from 'node:assert/strict'
import type { BenchRow, Spread } from './case.ts'
import { median, seconds } from './work.ts'

/** Milliseconds of a step: of the clock, and of the process on all its cores, which other work disturbs less. */
export interface StepTime {
  wall: number
  cpu: number
}

/** One of those that are timed in turn. */
export interface Contestant {
  name: string
  step(): Promise<StepTime> | StepTime
}

/** A step of ours, timed. */
export function timed(run: () => void): StepTime {
  const before = process.cpuUsage()
  const wall = seconds(run) * 1e3
  const { user, system } = process.cpuUsage(before)
  return { wall, cpu: (user + system) / 1e3 }
}

/**
 * Times of every contestant, one a turn, all taking turns: a machine that slows down slows all. After `limit` milliseconds
 * no further turn begins, one timed turn excepted.
 */
export async function takeTurns(
  contestants: readonly Contestant[],
  { rounds, warmUp, limit = Infinity }: { rounds: number; warmUp: number; limit?: number },
): Promise<Map<string, StepTime[]>> {
  const times = new Map(contestants.map(({ name }) => [name, [] as StepTime[]]))
  const start = performance.now()
  for (let turn = -warmUp; turn < rounds; turn++) {
    if (turn > 0 && performance.now() - start > limit) break
    for (const { name, step } of contestants) {
      const time = await step()
      if (turn >= 0) times.get(name)!.push(time)
    }
    await new Promise(done => setImmediate(done))
  }
  return times
}

export function spread(values: readonly number[]): Spread {
  return { minimum: Math.min(...values), median: median(values) }
}

/** A row's measurement against another's. */
export function against(ours: readonly number[], peer: { name: string; times: readonly number[] }): Partial<BenchRow> {
  const [mine, theirs] = [spread(ours), spread(peer.times)]
  return {
    peer: { name: peer.name, ...theirs },
    ratio: mine.median / theirs.median,
    ratioOfMinima: mine.minimum / theirs.minimum,
  }
}

/** Relative to the second, by the 2-norm. */
export function relativeError(got: readonly number[], wanted: readonly number[]): number {
  assert.equal(got.length, wanted.length)
  const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  return norm(got.map((value, i) => value - wanted[i]!)) / norm(wanted)
}
