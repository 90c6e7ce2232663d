import { appendFileSync } from 'node:fs'
import { writeFileAtomic } from '../io/index.ts'
import type { HistoryEntry } from './types.ts'
import { writing } from './writing.ts'

/** The course of a run: kept for the report and, where there is a file, written to it line by line. */
export class RunLog {
  readonly #file: string | undefined
  #entries: HistoryEntry[] = []

  /** @param file `metrics.jsonl` of the run; undefined where nothing is written. */
  constructor(file: string | undefined) {
    this.#file = file
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries
  }

  /** Begins anew with the entries of a checkpoint (none at the start of a run): later lines in the file are dropped. */
  restart(entries: readonly HistoryEntry[]): void {
    this.#entries = [...entries]
    const file = this.#file
    if (file !== undefined) writing('the log', file, () => writeFileAtomic(file, this.#entries.map(toLine).join('')))
  }

  add(entry: HistoryEntry): void {
    this.#entries.push(entry)
    const file = this.#file
    if (file !== undefined) writing('a line', file, () => appendFileSync(file, toLine(entry)))
  }
}

function toLine(entry: HistoryEntry): string {
  return JSON.stringify(entry) + '\n'
}
