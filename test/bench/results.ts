import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../parity/golden.ts'
import { type BenchRow, keyOf } from './case.ts'
import type { Machine } from './machine.ts'

/** A line of a result file. */
export interface Entry extends BenchRow {
  date: string
  /** When its run began: the lines of one run share it. The oldest lines have none. */
  run?: string
  quick?: boolean
  rounds: number
  machine: Machine
}

export const resultsFile = join(root, 'test/bench/results/bench.jsonl')

export function parseEntries(text: string): Entry[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Entry)
}

/**
 * The entries that a word names: a result file; else, of the committed results, those of a commit (the beginning of its
 * hash), of a run or of a date.
 *
 * @throws where it names none
 */
export function entriesOf(named: string): Entry[] {
  if (existsSync(named)) return parseEntries(readFileSync(named, 'utf8'))
  const known = parseEntries(readFileSync(resultsFile, 'utf8'))
  const found = known.filter(({ date, run, machine }) =>
    [date, run, machine.commit].some(word => word?.startsWith(named)),
  )
  if (found.length > 0) return found
  const commits = [...new Set(known.map(({ machine }) => machine.commit ?? 'none'))].join(', ')
  throw new Error(
    `results: expected a file, or the beginning of a commit, a run or a date of ${resultsFile}, got ${named}; its commits are ${commits}`,
  )
}

/** The last entry of every measurement. */
export function lastOfEach(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map(entry => [keyOf(entry), entry]))
}

/** The rows of the newest run that has some of a case, a whole one before a quick one; in their order. */
export function newestRun(entries: readonly Entry[], of: string): Entry[] {
  const own = entries.filter(entry => entry.case === of && entry.run !== undefined)
  const whole = own.filter(({ quick }) => !quick)
  const chosen = whole.length > 0 ? whole : own
  const run = chosen
    .map(entry => entry.run!)
    .sort()
    .at(-1)
  return chosen.filter(entry => entry.run === run)
}
