import { groupByLength } from '../text/index.ts'

/** Where a stream stands: two whole numbers, since the order of an epoch follows from its seed. */
export interface StreamState {
  readonly epoch: number
  readonly batch: number
}

export interface BatchStreamOptions {
  /** Places of the examples that the stream goes over. */
  readonly places: readonly number[]
  /** Tokens of the example at each place. */
  readonly lengthOf: (place: number) => number
  readonly batchSize: number
  /** Texts are sorted by length among this many batches; 1: not at all. */
  readonly window: number
  readonly seed: number
}

/** Batches without end: every epoch goes over all places once, in a new order of its own. The last batch may be smaller. */
export class BatchStream {
  readonly #options: BatchStreamOptions
  readonly #lengths: number[]
  #epoch = 0
  #next = 0
  #batches: number[][]

  constructor(options: BatchStreamOptions) {
    this.#options = options
    this.#lengths = options.places.map(options.lengthOf)
    this.#batches = this.#order(0)
  }

  /** Batches in one pass over all places. */
  get batchesPerEpoch(): number {
    return this.#batches.length
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
    const { places, batchSize, window, seed } = this.#options
    const groups = groupByLength(this.#lengths, { batchSize, window, seed: mixSeed(seed, epoch) })
    return groups.map(group => group.map(index => places[index]!))
  }
}

/** A seed of its own for each number: whole and below 2^53, and far from the seeds of its neighbours. */
export function mixSeed(seed: number, stream: number): number {
  let bits = (seed ^ Math.imul(stream + 1, 0x9e3779b1)) | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
