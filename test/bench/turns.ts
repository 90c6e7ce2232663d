import assert from 'node:assert/strict'
import type { BenchRow } from './case.ts'
import type { Peer } from './peer.ts'
import { median, seconds } from './work.ts'

const warmUp = 3

/** Times ours and the peer's step in turn. */
export async function compareTurns(
  name: string,
  shape: string,
  peerName: string,
  rounds: number,
  ours: () => void,
  peer: Peer,
): Promise<BenchRow> {
  const mine: number[] = []
  const theirs: number[] = []
  for (let i = 0; i < rounds + warmUp; i++) {
    const a = seconds(ours) * 1e3
    const b = (await peer.step()).seconds * 1e3
    if (i < warmUp) continue
    mine.push(a)
    theirs.push(b)
  }
  return {
    case: name,
    shape,
    ours: spread(mine),
    peer: { name: peerName, ...spread(theirs) },
    ratio: median(mine) / median(theirs),
  }
}

export function spread(values: readonly number[]): { minimum: number; median: number } {
  return { minimum: Math.min(...values), median: median(values) }
}

/** The first steps without dropout must give the peer's numbers: else the times compare different work. */
export async function equalWithoutDropout(name: string, peer: Peer, ours: () => Record<string, number>): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const mine = ours()
    const theirs = await peer.step()
    for (const [key, value] of Object.entries(mine)) {
      const wanted = theirs[key] as number
      assert.ok(
        Math.abs(value - wanted) <= 2e-3 * Math.max(1e-3, Math.abs(wanted)),
        `${name}: step ${i}: ${key}: ours ${value}, peer ${wanted}`,
      )
    }
  }
}
