import { ArgumentError } from '../errors.ts'

export interface GroupOptions {
  batchSize: number
  /** The same seed gives the same batches on every machine. */
  seed: number
  /** Texts are sorted by length among this many batches; more means less padding and less chance. Default 50. */
  window?: number
}

/**
 * Batches of texts of similar length, so that little is padded: all indices in random order, sorted by length within
 * windows, cut into batches, the batches in random order. Every index occurs once; only one batch is smaller.
 *
 * @param lengths tokens of each text.
 * @returns indices into `lengths`, a list a batch.
 */
export function groupByLength(lengths: readonly number[], { batchSize, seed, window = 50 }: GroupOptions): number[][] {
  for (const [name, value] of [
    ['batchSize', batchSize],
    ['window', window],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ArgumentError(
        'text-group',
        `groupByLength: expected ${name} to be a whole number from 1, got ${String(value)}`,
        { [name]: value },
      )
    }
  }
  if (!Number.isSafeInteger(seed)) {
    throw new ArgumentError('text-group', `groupByLength: expected seed to be a whole number, got ${String(seed)}`, {
      seed,
    })
  }
  const random = generator(seed)
  const order = shuffle(Array.from(lengths.keys()), random)
  const batches: number[][] = []
  for (let start = 0; start < order.length; start += window * batchSize) {
    const part = order.slice(start, start + window * batchSize).sort((a, b) => lengths[b]! - lengths[a]!)
    for (let i = 0; i < part.length; i += batchSize) batches.push(part.slice(i, i + batchSize))
  }
  return shuffle(batches, random)
}

/** Fisher-Yates, in place. */
function shuffle<T>(values: T[], random: () => number): T[] {
  for (let i = values.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1))
    const value = values[i]!
    values[i] = values[j]!
    values[j] = value
  }
  return values
}

/** Mulberry32: numbers in [0, 1), the same everywhere. All 53 bits of the seed count. */
function generator(seed: number): () => number {
  let state = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1)) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
