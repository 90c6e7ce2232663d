/**
 * P(W <= w) or P(W >= w) of the signed-rank sum W of ranks 1 to n without ties, each rank counted with probability 1/2:
 * the convolution of n two-point distributions. Always the shorter tail is summed, and the other is one minus it.
 */
export class SignedRankDistribution {
  readonly #chances: Float64Array

  /** @param n How many ranks. */
  constructor(n: number) {
    let chances = Float64Array.of(1)
    for (let rank = 1; rank <= n; rank++) chances = withRank(chances, rank)
    this.#chances = chances
  }

  /** P(W <= w), w whole. */
  lower(w: number): number {
    return w <= this.#middle ? this.#sum(0, w + 1) : 1 - this.#sum(w + 1, this.#chances.length)
  }

  /** P(W >= w), w whole. */
  upper(w: number): number {
    return w <= this.#middle ? 1 - this.#sum(0, w) : this.#sum(w, this.#chances.length)
  }

  get #middle(): number {
    return (this.#chances.length - 1) / 2
  }

  #sum(from: number, to: number): number {
    return this.#chances.subarray(from, to).reduce((sum, chance) => sum + chance, 0)
  }
}

function withRank(before: Float64Array, rank: number): Float64Array<ArrayBuffer> {
  const after = new Float64Array(before.length + rank)
  before.forEach((chance, sum) => {
    after[sum]! += chance / 2
    after[sum + rank]! += chance / 2
  })
  return after
}

/**
 * The tails of the signed-rank sum of any ranks, ties and all, over every choice of signs (2^n, equally likely), at the
 * observed sum. Average ranks are halves, so twice a rank is whole and the sums can be counted.
 *
 * @param ranks The ranks that a sign may or may not count; not those of zeros.
 * @param observed Their sum over the positive differences.
 */
export function permutationTails(ranks: ArrayLike<number>, observed: number): { lower: number; upper: number } {
  let chances = Float64Array.of(1)
  for (let i = 0; i < ranks.length; i++) chances = withRank(chances, 2 * ranks[i]!)
  const at = 2 * observed
  const total = (from: number, to: number) => chances.subarray(from, to).reduce((sum, chance) => sum + chance, 0)
  return { lower: total(0, at + 1), upper: total(at, chances.length) }
}
