import { Random } from '../data/random.ts'
import { groupByLength } from '../text/index.ts'

/** Where a stream stands: two whole numbers, since the order of an epoch follows from its seed. */
export interface StreamState {
  readonly epoch: number
  readonly batch: number
}

export interface BatchStreamOptions {
  /** Places of the examples that the stream goes over. */
  readonly places: readonly number[]
  /** Tokens of the example at a place. */
  readonly lengthOf: (place: number) => number
  /** Examples of one optimiser step. */
  readonly batchSize: number
  /** Examples whose gradient is worked out at once; `batchSize` where this is left out. */
  readonly partSize?: number
  /** Texts are sorted by length among this many batches; 1: not at all. */
  readonly window: number
  readonly seed: number
  /** Keeps streams of one seed apart: `lower`, `upper`. */
  readonly name: string
}

/** Batches without end: every epoch goes over all places once, in an order of its own. One batch of it may be smaller. */
export class BatchStream {
  readonly partSize: number
  readonly #options: BatchStreamOptions
  readonly #lengths: number[]
  #epoch = 0
  #next = 0
  #batches: number[][]

  constructor(options: BatchStreamOptions) {
    this.partSize = options.partSize ?? options.batchSize
    this.#options = options
    this.#lengths = options.places.map(options.lengthOf)
    this.#batches = this.#order(0)
  }

  /** Places of the next batch. */
  next(): number[] {
    if (this.#next === this.#batches.length) {
      this.#epoch++
      this.#next = 0
      this.#batches = this.#order(this.#epoch)
    }
    return this.#batches[this.#next++]!
  }

  state(): StreamState {
    return { epoch: this.#epoch, batch: this.#next }
  }

  load({ epoch, batch }: StreamState): void {
    this.#epoch = epoch
    this.#next = batch
    this.#batches = this.#order(epoch)
  }

  #order(epoch: number): number[][] {
    const { places, batchSize, window, seed, name } = this.#options
    const groups = groupByLength(this.#lengths, {
      batchSize,
      window,
      seed: new Random(seed, 'batches', name, epoch).uint32(),
    })
    return groups.map(group => group.map(index => places[index]!))
  }
}
