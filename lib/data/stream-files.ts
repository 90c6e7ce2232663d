import { ArgumentError } from '../errors.ts'
import type { ExampleOf, Task } from './examples.ts'
import { type FileOptions, type Outcome, readExamples } from './file-examples.ts'
import { checkFileOptions } from './file-options.ts'
import { type LoadFileOptions, noRows } from './load-file.ts'
import { Random, shuffle } from './random.ts'
import { dropAt, type Mixing, replay } from './shuffle-buffer.ts'
import { checkState, fileSizes, type RowPlace, type StreamState, settingsOf } from './stream-state.ts'

/** How files are streamed. */
export interface StreamOptions<T extends Task = 'text-classification'> extends LoadFileOptions<T> {
  /** The order of files and rows; another in every pass. 0 unless given. */
  seed?: number | undefined
  /** Rows held in memory, from which one is drawn at random; 10,000 unless given, 1 keeps the order of files and rows. */
  shuffleBuffer?: number | undefined
  /** Goes on where a stream of the same files and settings was when it gave this state. */
  state?: StreamState | undefined
  signal?: AbortSignal | undefined
}

/** Examples of files of any size, pass after pass. */
export interface ExampleStream<E> extends AsyncIterable<E> {
  /** Where it is: after the example given last. */
  state(): StreamState
}

/** A row read, and where it stood. */
interface Held<E> {
  outcome: Outcome<E>
  place: RowPlace
}

/**
 * Examples of jsonl, csv, tsv, conll, parquet and arrow files, one after the other and never all in memory: only the rows of
 * the shuffle buffer are (and the row group of parquet, the file of arrow). Each iteration is one pass, in an order of its
 * own, or the rest of the one that was broken off; the same seed gives the same orders. Bad rows are an error when they are
 * read, or with `malformed: 'skip'` a warning when they are drawn; a pass of nothing but bad rows is an error.
 *
 * @example
 * const stream = streamFiles(['a.jsonl', 'b.jsonl.gz'], { seed: 1, shuffleBuffer: 50_000 })
 * for await (const example of stream) console.log(example.text, stream.state())
 * @throws ConfigError as `loadFile`; DataError where the state is of other files or settings; while reading, FormatError or
 * DataError with file and line.
 */
export function streamFiles<T extends Task = 'text-classification'>(
  files: string | readonly string[],
  options: StreamOptions<T> = {},
): ExampleStream<ExampleOf[T]> {
  const paths = typeof files === 'string' ? [files] : [...files]
  checkFileOptions('streamFiles', options, 'stream')
  const { seed = 0, shuffleBuffer = 10_000, state } = options
  if (paths.length === 0) throw argument('files', 'one path at least', 'none')
  if (!Number.isSafeInteger(shuffleBuffer) || shuffleBuffer < 1) {
    throw argument('shuffleBuffer', 'a whole number of rows from 1', String(shuffleBuffer))
  }
  const task = options.task ?? ('text-classification' as T)
  const identity = { task, files: fileSizes(paths), seed, shuffleBuffer, settings: settingsOf(options) }
  if (state !== undefined) checkState(state, identity)
  const fresh: StreamState = {
    version: 1,
    ...identity,
    pass: 0,
    drawn: 0,
    given: 0,
    rows: undefined,
    place: undefined,
    scheme: options.scheme,
  }
  return new FileStream<T>(paths, task, options, structuredClone(state ?? fresh))
}

class FileStream<T extends Task> implements ExampleStream<ExampleOf[T]> {
  readonly #paths: readonly string[]
  readonly #task: T
  readonly #options: StreamOptions<T>
  #state: StreamState
  #held: Held<ExampleOf[T]>[] = []
  #running = false

  constructor(paths: readonly string[], task: T, options: StreamOptions<T>, state: StreamState) {
    this.#paths = paths
    this.#task = task
    this.#options = options
    this.#state = state
  }

  state(): StreamState {
    const { place } = this.#state
    const oldest = this.#held.reduce<RowPlace | undefined>(
      (first, { place: each }) => (first === undefined || each.row < first.row ? each : first),
      undefined,
    )
    return structuredClone({ ...this.#state, place: oldest ?? place })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExampleOf[T], void, undefined> {
    if (this.#running) throw argument('stream', 'one iteration at a time', 'a second one')
    this.#running = true
    try {
      yield* this.#pass()
      if (this.#state.given === 0) throw noRows(this.#paths.join(', '))
      const pass = this.#state.pass + 1
      this.#state = { ...this.#state, pass, drawn: 0, given: 0, rows: undefined, place: undefined }
    } finally {
      this.#state = this.state()
      this.#held = []
      this.#running = false
    }
  }

  async *#pass(): AsyncGenerator<ExampleOf[T], void, undefined> {
    const { signal } = this.#options
    const state = this.#state
    if (state.rows !== undefined && state.rows > 0 && state.drawn === state.rows) return
    const mixing: Mixing = { seed: state.seed, pass: state.pass, size: state.shuffleBuffer }
    const { random, held: wanted, next } = replay(mixing, state.drawn, state.rows)
    const rows = this.#rows(state.place)
    try {
      const held = await this.#refill(rows, wanted, next)
      this.#held = held
      while (held.length > 0) {
        signal?.throwIfAborted()
        const at = random.below(held.length)
        const { outcome } = held[at]!
        const following = await rows.next()
        if (following.done) dropAt(held, at)
        else held[at] = following.value
        state.drawn++
        if ('row' in outcome) {
          state.given++
          yield outcome.row
        } else this.#options.onWarning?.(`${outcome.error.message} [skipped]`)
      }
    } finally {
      await rows.return()
    }
  }

  /** Reads the rows that the buffer has to hold, from the first of them up to the row before `next`. */
  async #refill(
    rows: AsyncGenerator<Held<ExampleOf[T]>, void>,
    wanted: readonly number[],
    next: number,
  ): Promise<Held<ExampleOf[T]>[]> {
    const slots = new Map(wanted.map((row, slot) => [row, slot]))
    const held: Held<ExampleOf[T]>[] = []
    let row = this.#state.place?.row ?? 0
    for (; row < next; row++) {
      const taken = await rows.next()
      if (taken.done) break // fewer rows than the buffer has room for: the slots filled so far are the first ones
      const slot = slots.get(row)
      if (slot !== undefined) held[slot] = taken.value
    }
    return held
  }

  /** The rows of all files in the order of this pass, from a place on; after the last it is known how many there are. */
  async *#rows(from: RowPlace | undefined): AsyncGenerator<Held<ExampleOf[T]>, void> {
    const { seed, pass, shuffleBuffer } = this.#state
    const order = shuffleBuffer === 1 ? this.#paths : shuffle(this.#paths, new Random(seed, 'files', pass))
    let row = from?.row ?? 0
    for (let file = from?.file ?? 0; file < order.length; file++) {
      const start = file === from?.file ? from : undefined
      for await (const { outcome, line, offset } of this.#read(order[file]!, start)) {
        if ('error' in outcome && this.#options.malformed !== 'skip') throw outcome.error
        yield { outcome, place: { file, row: row++, line, offset } }
      }
    }
    this.#state.rows = row
  }

  /** The rows of one file, each with the lines and bytes before it. */
  async *#read(path: string, from: RowPlace | undefined) {
    const begun: { line: number; offset: number }[] = []
    const options: FileOptions = {
      ...this.#options,
      scheme: this.#state.scheme,
      from: from && { line: from.line, offset: from.offset },
      onLine: (line, offset) => begun.push({ line: line - 1, offset }),
      onScheme: scheme => {
        this.#state.scheme = scheme
      },
    }
    for await (const outcome of readExamples(path, this.#task, options, true)) {
      // Parquet and arrow have no lines: their rows are counted, and found again by their number.
      const before = outcome.line - 1
      const passed = begun.findIndex(({ line }) => line === before)
      const { offset } = passed < 0 ? { offset: 0 } : begun[passed]!
      begun.splice(0, passed)
      yield { outcome, line: before, offset }
    }
  }
}

function argument(what: string, expected: string, got: string): ArgumentError {
  return new ArgumentError('DATA_STREAM', `streamFiles: expected ${what} to be ${expected}, got ${got}; pass that`, {
    what,
  })
}
