import { ArgumentError, DataError } from '../errors.ts'
import { Random, shuffle } from './random.ts'

/** Where a loader stands; enough to go on exactly there. */
export interface LoaderState {
  seed: number
  /** Passes over the data that are behind it. */
  epoch: number
  /** Rows of the present pass that were handed out. */
  position: number
  /** Rows of the data: a state does not fit other data. */
  count: number
}

/** Rows of one batch. */
export interface IndexBatch {
  indices: number[]
  /** The pass that they are of, from 0. */
  epoch: number
  /** Whether they end it. */
  last: boolean
}

/** How an IndexLoader goes over the rows. */
export interface LoaderOptions {
  /** Rows of the data. */
  count: number
  batchSize: number
  seed: number
  /** Keeps loaders of one seed apart: `lower`, `upper`. */
  stream?: string | undefined
  /** False hands the rows out in their own order, every time. */
  shuffle?: boolean | undefined
}

/**
 * Hands out row numbers in batches, pass after pass without end. Each pass is a new order, drawn from seed, stream and
 * number of the pass alone; each hands out every row once, the last batch being smaller where the rows do not divide.
 *
 * @example
 * const loader = new IndexLoader({ count: 10, batchSize: 4, seed: 0 })
 * loader.next().indices.length // 4, 4, 2, and on into the next pass
 * @throws ArgumentError where count or batch size is no whole number above 0.
 */
export class IndexLoader {
  readonly count: number
  readonly batchSize: number
  readonly #stream: string
  readonly #shuffled: boolean
  #seed: number
  #epoch = 0
  #position = 0
  #order: readonly number[]

  constructor(options: LoaderOptions) {
    for (const key of ['count', 'batchSize'] as const) {
      if (Number.isSafeInteger(options[key]) && options[key] > 0) continue
      throw new ArgumentError(
        'DATA_LOADER',
        `loader: expected ${key} to be a whole number above 0, got ${String(options[key])}; ` +
          (key === 'count' ? 'load data with rows' : 'set a batch size'),
        { [key]: options[key] },
      )
    }
    this.count = options.count
    this.batchSize = options.batchSize
    this.#stream = options.stream ?? ''
    this.#shuffled = options.shuffle ?? true
    this.#seed = options.seed
    this.#order = this.#draw()
  }

  get batchesPerEpoch(): number {
    return Math.ceil(this.count / this.batchSize)
  }

  /** The next batch. */
  next(): IndexBatch {
    const indices = this.#order.slice(this.#position, this.#position + this.batchSize)
    const epoch = this.#epoch
    this.#position += indices.length
    const last = this.#position === this.count
    if (last) {
      this.#epoch++
      this.#position = 0
      this.#order = this.#draw()
    }
    return { indices, epoch, last }
  }

  /** The batches that are left of the present pass. */
  *epoch(): Generator<IndexBatch> {
    for (let last = false; !last; ) {
      const batch = this.next()
      last = batch.last
      yield batch
    }
  }

  /** Plain data for a checkpoint. */
  state(): LoaderState {
    return { seed: this.#seed, epoch: this.#epoch, position: this.#position, count: this.count }
  }

  /**
   * Goes on where the loader that gave this state stood. The batch size may be another one.
   *
   * @throws DataError where the state is of other data, or no state.
   */
  restore(state: LoaderState): void {
    const { seed, epoch, position, count } = state
    if (count !== this.count) {
      throw new DataError(
        'DATA_LOADER_STATE',
        `loader: expected a state for ${this.count} rows, got one for ${String(count)}; resume with the data that the run began with`,
        { expected: this.count, got: count },
      )
    }
    const whole = [seed, epoch, position].every(Number.isSafeInteger)
    if (!whole || epoch < 0 || position < 0 || position >= count) {
      throw new DataError(
        'DATA_LOADER_STATE',
        `loader: expected whole numbers seed, epoch and position (below ${count}), got ${JSON.stringify(state)}; the checkpoint is damaged`,
        { state },
      )
    }
    this.#seed = seed
    this.#epoch = epoch
    this.#position = position
    this.#order = this.#draw()
  }

  #draw(): readonly number[] {
    const rows = Array.from({ length: this.count }, (_, row) => row)
    return this.#shuffled ? shuffle(rows, new Random(this.#seed, 'loader', this.#stream, this.#epoch)) : rows
  }
}
