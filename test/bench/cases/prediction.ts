import assert from 'node:assert/strict'
import { join } from 'node:path'
import { root } from '../../parity/golden.ts'
import type { BenchCase, BenchRow } from '../case.ts'
import { peerPython } from '../peer.ts'
import { against, spread } from '../turns.ts'
import { type Entrant, PredictionProcess } from './prediction-process.ts'
import { exportOnnx, predictionModels, predictionTexts, transformersJsHome } from './prediction-setup.ts'

/** What was measured of one entrant; times in milliseconds, memory in MiB. */
interface Measured {
  readonly start: number[]
  readonly each: number[]
  readonly all: number[]
  loaded: number[]
  peak: number[]
  odds: number[]
}

const script = (name: string) => join(root, 'test/bench/peers', name)
const int8 = 'transformers.js int8'
/** Texts that are predicted one by one in a turn. */
const turnTexts = 25

/**
 * Prediction as a service sees it, each entrant in a process of its own: from its start to its first prediction, one text at
 * a time, a thousand texts, memory. Ours is the public class with its thread; lists are sorted by length by all.
 */
export const prediction: BenchCase = {
  name: 'prediction',
  async *run({ rounds, threads, quick, data }) {
    const { texts, of } = await predictionTexts(1024, data)
    const { ours, peers } = await entrants(threads)
    const measured = new Map([...ours, ...peers].map(({ name }) => [name, empty()]))
    const turns = quick ? 2 : Math.max(3, Math.min(rounds, 8))
    for (let i = 0; i < turns; i++) {
      for (const entrant of [...ours, ...peers]) {
        const process = await PredictionProcess.start(entrant, threads)
        measured.get(entrant.name)!.start.push(process.startSeconds * 1e3)
        await process.stop()
      }
    }
    const running = new Map<string, PredictionProcess>()
    for (const entrant of [...ours, ...peers]) {
      const process = await PredictionProcess.start(entrant, threads)
      measured.get(entrant.name)!.loaded.push(process.memory('VmRSS'))
      await process.each(texts.slice(-turnTexts)) // warm
      running.set(entrant.name, process)
    }
    for (let first = 0; first < turnTexts * 10; first += turnTexts) {
      for (const [name, process] of running) {
        const seconds = await process.each(texts.slice(first, first + turnTexts))
        measured.get(name)!.each.push(...seconds.map(value => value * 1e3))
      }
    }
    for (let i = 0; i < turns; i++) {
      for (const [name, process] of running) {
        const { seconds, odds } = await process.all(texts)
        const found = measured.get(name)!
        found.all.push((seconds[0]! * 1e3) / texts.length)
        found.odds = odds
      }
    }
    for (const [name, process] of running) {
      measured.get(name)!.peak.push(process.memory('VmHWM'))
      await process.stop()
    }
    const differences = compareOdds(measured, peers[0]!.name)
    for (const mine of ours) {
      for (const peer of peers) {
        yield* rowsOf(`MiniLM, ${of}`, [mine.name, measured.get(mine.name)!], [peer.name, measured.get(peer.name)!], {
          note: `largest difference of log odds to transformers': ours ${differences.get(mine.name)}, peer ${differences.get(peer.name)}`,
          turns,
        })
      }
    }
  },
}

async function entrants(threads: number): Promise<{ ours: Entrant[]; peers: Entrant[] }> {
  const { adapter, merged } = await predictionModels()
  const python = await peerPython()
  const own = (folder: string) => [script('predict_ours.mjs'), root, folder, String(threads)]
  const ours = [
    { name: 'merged', command: process.execPath, args: own(merged) },
    { name: 'unmerged', command: process.execPath, args: own(adapter) },
  ]
  const peers: Entrant[] = [
    { name: 'transformers', command: python, args: [script('predict_transformers.py'), merged, String(threads)] },
  ]
  const home = await transformersJsHome()
  if (home !== undefined && (await exportOnnx(python, merged))) {
    for (const [name, dtype] of [
      ['transformers.js', 'fp32'],
      [int8, 'q8'],
    ] as const) {
      const args = [script('predict_transformers_js.mjs'), home, merged, String(threads), dtype]
      peers.push({ name, command: process.execPath, args })
    }
  }
  return { ours, peers }
}

function empty(): Measured {
  return { start: [], each: [], all: [], loaded: [], peak: [], odds: [] }
}

/** All must have computed the same: else the times compare different work. int8 is only reported. */
function compareOdds(measured: ReadonlyMap<string, Measured>, reference: string): Map<string, string> {
  const wanted = measured.get(reference)!.odds
  return new Map(
    [...measured].map(([name, { odds }]) => {
      assert.equal(odds.length, wanted.length)
      const largest = Math.max(...odds.map((value, i) => Math.abs(value - wanted[i]!)))
      if (name !== int8)
        assert.ok(largest <= 1e-4 * Math.max(1, ...wanted.map(Math.abs)), `${name}: log odds differ by ${largest}`)
      return [name, largest.toExponential(1)]
    }),
  )
}

function* rowsOf(
  shape: string,
  [mine, ours]: [string, Measured],
  [theirs, peer]: [string, Measured],
  { note, turns }: { note: string; turns: number },
): Generator<BenchRow> {
  const row = (what: string, pick: (of: Measured) => number[], more: Partial<BenchRow> = {}): BenchRow => ({
    case: 'prediction',
    shape,
    name: `${mine}: ${what}`,
    ours: spread(pick(ours)),
    ...against(pick(ours), { name: theirs, times: pick(peer) }),
    ...more,
  })
  const python = theirs === 'transformers'
  yield row('process start to first prediction', of => of.start, {
    ...(python ? { target: 0.2 } : {}),
    note: `${turns} fresh processes`,
  })
  yield row('one text, p50', of => of.each, { target: 1 })
  yield row('one text, p99', of => [percentile(of.each, 0.99)])
  yield row('a text of 1,024', of => of.all, { target: 1, unit: 'ms/text', note })
  yield row('resident memory after the first prediction', of => of.loaded, { unit: 'MiB' })
  yield row('resident memory at its peak', of => of.peak, { unit: 'MiB' })
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}
