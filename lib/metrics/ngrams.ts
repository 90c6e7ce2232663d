/** How often each run of `order` words occurs; words joined by a space are the keys. */
export function ngramCounts(words: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + order <= words.length; i++) {
    const ngram = order === 1 ? words[i]! : words.slice(i, i + order).join(' ')
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1)
  }
  return counts
}

/**
 * The runs of `order` words that a text shares with any of its references, each as often as it occurs in the text, but
 * no more often than in the reference that has most of it (the clipped counts of BLEU and NIST).
 */
export function sharedNgrams(
  words: readonly string[],
  references: readonly (readonly string[])[],
  order: number,
): Map<string, number> {
  const counts = references.map(reference => ngramCounts(reference, order))
  const shared = new Map<string, number>()
  for (const [ngram, count] of ngramCounts(words, order)) {
    const most = counts.reduce((largest, reference) => Math.max(largest, reference.get(ngram) ?? 0), 0)
    if (most > 0) shared.set(ngram, Math.min(count, most))
  }
  return shared
}

/** Sum of the counts. */
export function countAll(counts: ReadonlyMap<string, number>): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}

/** The length that is closest to a given one; of two equally close, the shorter. */
export function closestLength(length: number, lengths: readonly number[]): number {
  return lengths.reduce((best, other) => {
    const [near, far] = [Math.abs(other - length), Math.abs(best - length)]
    return near < far || (near === far && other < best) ? other : best
  })
}
