import { Random, shuffle } from '../data/random.ts'
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
  /** Every epoch goes in the order of the places; default false. */
  readonly inOrder?: boolean
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

  /**
   * A part of the batch that `next` has just given, at least one place, every place equally likely: its first ones
   * would be its longest texts. In the batch's order; the same after a resume.
   */
  sampleOf(batch: readonly number[], fraction: number): number[] {
    const { seed, name } = this.#options
    const count = Math.max(1, Math.round(fraction * batch.length))
    const order = shuffle(batch.keys(), new Random(seed, 'sample', name, this.#epoch, this.#next))
    const taken = new Set(order.slice(0, count))
    return batch.filter((_, index) => taken.has(index))
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
    const { places, batchSize, window, seed, name, inOrder = false } = this.#options
    if (inOrder) {
      const count = Math.ceil(places.length / batchSize)
      return Array.from({ length: count }, (_, batch) => places.slice(batch * batchSize, (batch + 1) * batchSize))
    }
    const groups = groupByLength(this.#lengths, {
      batchSize,
      window,
      seed: new Random(seed, 'batches', name, epoch).uint32(),
    })
    return groups.map(group => group.map(index => places[index]!))
  }
}
