import { bleuCounts, brevity, smoothedLogs } from './bleu.ts'
import { type MtevalOptions, mtevalPairs } from './mteval.ts'
import { closestLength } from './ngrams.ts'
import type { TextReferences, WordPair } from './text-pairs.ts'

/**
 * BLEU from 0 to 1 as the E2E challenge measures it: mteval-v13a's tokenization, all in lower case, runs of up to four
 * words over the whole set, references as many as there are for each text.
 *
 * `perl` smooths the k-th precision without a match to 1 / (2^k runs), leaves out orders of which there are no runs
 * (so that one right word has the score 1), and passes over empty references but the first. `python` has no smoothing
 * (10^-15 matches instead of none), counts a text without a word as one empty word, and lowers letters beyond A to Z.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, a prediction without a reference, what is no text.
 */
export function bleuE2E(
  predictions: readonly string[],
  references: TextReferences,
  { mteval = 'perl' }: MtevalOptions = {},
): number {
  const pairs = mtevalPairs('bleuE2E', predictions, references, mteval)
  if (mteval === 'python') return unsmoothed(pairs)
  const { matches, totals, length, referenceLength } = bleuCounts(pairs, closestButEmpty)
  return brevity(length, referenceLength) * Math.exp(smoothedLogs(matches, totals) / matches.length)
}

/** Empty references say nothing about length, unless the first one is empty. */
function closestButEmpty(length: number, [first, ...others]: readonly number[]): number {
  return closestLength(length, [first!, ...others.filter(other => other > 0)])
}

function unsmoothed(pairs: readonly WordPair[]): number {
  const { matches, length, referenceLength } = bleuCounts(pairs, closestLength)
  const logs = matches.map((count, n) => {
    // A text of fewer words than n takes from the sum there.
    const runs = pairs.reduce((sum, { words }) => sum + words.length - n, 0)
    return Math.log(Math.max(count, 1e-15) / Math.max(runs, 1e-9))
  })
  return brevity(length, referenceLength) * Math.exp(logs.reduce((sum, log) => sum + log) / logs.length)
}
