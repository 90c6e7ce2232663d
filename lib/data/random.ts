import { ArgumentError } from '../errors.ts'

const mask = 0xffffffffffffffffn

/**
 * The numbers that splits and shuffles are drawn from: xoshiro128** 1.1 (Blackman and Vigna), so that they are the same
 * on every machine and in every version of Node. Its state is made from a seed and any further keys, which give
 * independent streams: the text `seed/key/key...` is hashed (FNV-1a, 64 bit) and spread by splitmix64. This is fixed:
 * another scheme would be another split of every data set.
 *
 * @example
 * new Random(0, 'lower', 3).below(10) // a whole number from 0 to 9
 */
export class Random {
  #a = 0
  #b = 0
  #c = 0
  #d = 0

  /** @throws ArgumentError where the seed is no whole number. */
  constructor(seed: number, ...keys: (string | number)[]) {
    if (!Number.isSafeInteger(seed)) {
      throw new ArgumentError('DATA_SEED', `random: expected a whole number as seed, got ${String(seed)}; pass one`, {
        seed,
      })
    }
    let hash = 0xcbf29ce484222325n
    for (const byte of Buffer.from([seed, ...keys].join('/'))) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask
    const spread = () => {
      hash = (hash + 0x9e3779b97f4a7c15n) & mask
      let z = ((hash ^ (hash >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
      return z ^ (z >> 31n)
    }
    const [first, second] = [spread(), spread()]
    this.#set([Number(first & 0xffffffffn), Number(first >> 32n), Number(second & 0xffffffffn), Number(second >> 32n)])
  }

  /** A generator in a given state (four words of 32 bit, not all zero). */
  static fromState(state: readonly [number, number, number, number]): Random {
    const random = new Random(0)
    random.#set(state)
    return random
  }

  #set([a, b, c, d]: readonly [number, number, number, number]): void {
    this.#a = a | 0
    this.#b = b | 0
    this.#c = c | 0
    this.#d = d | 0
  }

  /** The next whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotateLeft(this.#d, 11)
    return result >>> 0
  }

  /** A whole number from 0 to `limit` - 1, all equally likely; `limit` is at most 2^32. */
  below(limit: number): number {
    // The last, incomplete stretch of `limit` numbers is drawn again: a remainder alone would favour small results.
    const fair = 2 ** 32 - (2 ** 32 % limit)
    let drawn = this.uint32()
    while (drawn >= fair) drawn = this.uint32()
    return drawn % limit
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** The same values in random order (Fisher and Yates, from the end), as a new array. */
export function shuffle<T>(values: Iterable<T>, random: Random): T[] {
  const order = [...values]
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}
