import { closestLength, countAll, sharedNgrams } from './ngrams.ts'
import { type TextReferences, type WordPair, wordPairs } from './text-pairs.ts'
import { tokens13a } from './tokenize-13a.ts'

/** What BLEU is made of: sums over all texts. */
export interface BleuCounts {
  /** Clipped matches of 1 to 4 words. */
  readonly matches: number[]
  /** Runs of 1 to 4 words in the predictions. */
  readonly totals: number[]
  /** Words of the predictions, and of the references that are closest in length. */
  readonly length: number
  readonly referenceLength: number
}

/**
 * Corpus BLEU from 0 to 1, as sacrebleu has it by default (times 100 there): 13a tokenizer, case kept, runs of up to
 * four words, several references a text, exponential smoothing:
 *
 *   min(1, exp(1 - r / c)) (p_1 p_2 p_3 p_4)^(1/4)
 *
 * with p_n the clipped matches over all runs of n words, c the words of the predictions and r those of the references
 * closest in length. The k-th p_n without a match counts as 1 / (2^k runs); without any match at all, or where no
 * prediction has four words, the score is 0. An empty reference counts as one of length 0.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, a prediction without a reference, what is no text.
 */
export function bleu(predictions: readonly string[], references: TextReferences): number {
  const { matches, totals, length, referenceLength } = bleuCounts(
    wordPairs('bleu', predictions, references, tokens13a),
    closestLength,
  )
  if (matches.every(count => count === 0) || totals.includes(0)) return 0
  return brevity(length, referenceLength) * Math.exp(smoothedLogs(matches, totals) / matches.length)
}

/** Adds up what BLEU needs; `closest` picks the length of a reference. */
export function bleuCounts(
  pairs: readonly WordPair[],
  closest: (length: number, lengths: readonly number[]) => number,
): BleuCounts {
  const [matches, totals] = [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ]
  let [length, referenceLength] = [0, 0]
  for (const { words, references } of pairs) {
    for (let n = 0; n < 4; n++) {
      matches[n]! += countAll(sharedNgrams(words, references, n + 1))
      totals[n]! += Math.max(0, words.length - n)
    }
    length += words.length
    referenceLength += closest(
      words.length,
      references.map(reference => reference.length),
    )
  }
  return { matches, totals, length, referenceLength }
}

/** The brevity penalty: 1 for predictions that are long enough, 0 for none. */
export function brevity(length: number, referenceLength: number): number {
  return length === 0 ? 0 : Math.exp(Math.min(0, 1 - referenceLength / length))
}

/** Sum of the logarithms of the precisions, exponentially smoothed; orders of which there are no runs count as 1. */
export function smoothedLogs(matches: readonly number[], totals: readonly number[]): number {
  let [logs, smoothing] = [0, 1]
  for (const [n, total] of totals.entries()) {
    if (total === 0) continue
    if (matches[n] === 0) smoothing *= 2
    logs += Math.log(matches[n] === 0 ? 1 / (smoothing * total) : matches[n]! / total)
  }
  return logs
}
