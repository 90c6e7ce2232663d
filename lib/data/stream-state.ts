import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { DataError } from '../errors.ts'
import { fileFault } from '../io/file-fault.ts'
import type { Task } from './examples.ts'
import { type ReadingOptions, readingOptions } from './file-options.ts'
import type { TagScheme } from './tag-schemes.ts'

/** Where a row stands: rows, lines and unpacked bytes before it; rows are those of all files before it in the pass. */
export interface RowPlace {
  /** Place of its file in the order of the pass. */
  file: number
  row: number
  line: number
  offset: number
}

/** Where a stream of examples is: plain data, to be kept with a checkpoint. */
export interface StreamState {
  version: 1
  task: Task
  files: { name: string; bytes: number }[]
  seed: number
  shuffleBuffer: number
  /** What decides what the files' rows are: format, columns, labels and so on, where given or other than usual. */
  settings: ReadingOptions
  /** Passes that are over. */
  pass: number
  /** Rows drawn in this pass. */
  drawn: number
  /** Of these, rows that were examples and no bad ones. */
  given: number
  /** Rows of a pass, once its end has been seen. */
  rows: number | undefined
  /** The oldest row that the buffer still holds, or the next that is read. */
  place: RowPlace | undefined
  scheme: TagScheme | 'plain' | undefined
}

export type StreamIdentity = Pick<StreamState, 'task' | 'files' | 'seed' | 'shuffleBuffer' | 'settings'>

/** Names and sizes of files, by which a state knows them again. */
export function fileSizes(paths: readonly string[]): StreamState['files'] {
  return paths.map(path => {
    try {
      const found = statSync(path)
      return { name: basename(path), bytes: found.isFile() ? found.size : 0 }
    } catch (error) {
      throw fileFault(path, 'a file with data', error)
    }
  })
}

/** The settings that decide what rows are. One that is given as it would be anyway is none. */
export function settingsOf(options: ReadingOptions): ReadingOptions {
  const usual: ReadingOptions = {
    problemType: 'single-label',
    malformed: 'error',
    invalidTags: 'repair',
    labelSeparator: ',',
  }
  return Object.fromEntries(
    readingOptions
      .map(key => [key, options[key]] as const)
      .filter(([key, value]) => value !== undefined && value !== usual[key]),
  )
}

/**
 * Refuses a state of other files or other settings: its rows would be others.
 *
 * @throws DataError naming what differs.
 */
export function checkState(state: StreamState, now: StreamIdentity): void {
  const differs = (what: string, was: unknown, is: unknown) =>
    new DataError(
      'DATA_STREAM_STATE',
      `stream: expected the ${what} of its state (${JSON.stringify(was) ?? 'none given'}), got ${JSON.stringify(is) ?? 'none'}; begin anew or give the same`,
      { what, was, is },
    )
  if (state.version !== 1) throw differs('version', state.version, 1)
  for (const key of ['task', 'files', 'seed', 'shuffleBuffer'] as const) {
    if (JSON.stringify(state[key]) !== JSON.stringify(now[key])) throw differs(key, state[key], now[key])
  }
  for (const key of readingOptions) {
    const [was, is] = [state.settings?.[key], now.settings[key]]
    if (JSON.stringify(was) !== JSON.stringify(is)) throw differs(key, was, is)
  }
}
