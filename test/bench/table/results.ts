import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './plan.ts'

/** One finished cell, as a line of the results. */
export interface CellResult {
  version: number
  dataset: string
  method: string
  seed: number
  /** All settings that the result depends on, defaults filled in. */
  settings: Readonly<Record<string, unknown>>
  rows: { train: number; validation: number }
  /** On the dev set. */
  metrics: Readonly<Record<string, number>>
  steps: { search: number; retrain: number }
  seconds: { search: number; retrain: number; total: number }
  /** Texts that were cut. */
  truncated: { train: number; validation: number }
  /** Parameters that were trained, and all of them. */
  trainable: number
  total: number
  threads: number
  libtorch: string
  node: string
}

/** What a cell would be run with: a result stands for it where all of it is equal. */
export type CellKey = Pick<CellResult, 'version' | 'dataset' | 'method' | 'seed' | 'settings'>

/** The committed results. */
export const resultsFile = join(root, 'test/bench/results/table/cells.jsonl')

/**
 * The results in a file, none where there is no file. A last line that was cut off by a kill is passed over; its cell
 * is run again.
 */
export function readResults(file: string): CellResult[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  const cut = lines.pop()
  if (cut) process.emitWarning(`${file}: its last line was cut off and is passed over`)
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as CellResult)
}

/** Adds a result at once, on a line of its own also where the last one was cut off. */
export function appendResult(file: string, result: CellResult): void {
  const notFinite = Object.entries(result.metrics).filter(([, value]) => !Number.isFinite(value))
  if (notFinite.length > 0) {
    throw new Error(`table: expected numbers as scores, got ${notFinite.map(entry => entry.join(' ')).join(', ')}`)
  }
  mkdirSync(dirname(file), { recursive: true })
  appendFileSync(file, `${endsInLine(file) ? '' : '\n'}${JSON.stringify(result)}\n`)
}

function endsInLine(file: string): boolean {
  if (!existsSync(file) || statSync(file).size === 0) return true
  const last = Buffer.alloc(1)
  const handle = openSync(file, 'r')
  try {
    readSync(handle, last, 0, 1, statSync(file).size - 1)
  } finally {
    closeSync(handle)
  }
  return last.toString() === '\n'
}

/**
 * The result of a cell, where it is there. Settings that the library did not have when the result was made are not
 * compared: a new one that changes what older settings give is a matter for the version.
 */
export function findResult(results: readonly CellResult[], key: CellKey): CellResult | undefined {
  return results.findLast(
    result =>
      result.version === key.version &&
      result.dataset === key.dataset &&
      result.method === key.method &&
      result.seed === key.seed &&
      Object.entries(result.settings).every(([name, value]) => same(value, key.settings[name])),
  )
}

function same(x: unknown, y: unknown): boolean {
  return JSON.stringify(x ?? null) === JSON.stringify(y ?? null)
}
