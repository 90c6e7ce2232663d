import { ArgumentError } from '../errors.ts'
import { type MtevalOptions, mtevalPairs } from './mteval.ts'
import { ngramCounts, sharedNgrams } from './ngrams.ts'
import { sum } from './sum.ts'
import type { TextReferences, WordPair } from './text-pairs.ts'

const ORDERS = [1, 2, 3, 4, 5]
const BETA = Math.log(2) / Math.log(1.5) ** 2

/**
 * NIST score in bits, as the E2E challenge measures it: mteval-v13a's tokenization, all in lower case, runs of up to
 * five words over the whole set:
 *
 *   exp(-beta ln(min(1, c / r))^2) sum_n (information of the clipped matches of n words) / (runs of n words)
 *
 * with c the words of the predictions, r the mean words of the references, and beta such that the factor is 1/2 for
 * c / r = 2/3. The information of a run is log2 of how often its first n - 1 words occur in all references over how
 * often it does. 0 where there is no word in the predictions.
 *
 * `perl` takes r from all references of the set together over the mean number of references that are not empty, and
 * takes a first word `0` for no word (Perl's truth). `python` takes the mean of each text's references, and fails where
 * no prediction has five words.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, a prediction without a reference, what is no text,
 *   references that are all empty.
 */
export function nist(
  predictions: readonly string[],
  references: TextReferences,
  { mteval = 'perl' }: MtevalOptions = {},
): number {
  const pairs = mtevalPairs('nist', predictions, references, mteval)
  const information = informationOf(pairs, mteval)
  const length = sum(pairs.map(({ words }) => words.length))
  const scores = ORDERS.map(order => {
    const gained = sum(
      pairs.flatMap(({ words, references: others }) =>
        Array.from(sharedNgrams(words, others, order), ([ngram, count]) => information(ngram, order) * count),
      ),
    )
    return gained / runsOf(pairs, order, mteval)
  })
  return penalty(length / meanLength(pairs, mteval)) * sum(scores)
}

function penalty(ratio: number): number {
  if (ratio >= 1) return 1
  return ratio <= 0 ? 0 : Math.exp(-BETA * Math.log(ratio) ** 2)
}

/** Bits that the last word of a run tells, by the counts of all references. */
function informationOf(
  pairs: readonly WordPair[],
  mteval: MtevalOptions['mteval'],
): (ngram: string, order: number) => number {
  const all = pairs.flatMap(({ references }) => references)
  const words = sum(all.map(reference => reference.length))
  const counts = ORDERS.map(order => {
    const total = new Map<string, number>()
    for (const reference of all)
      for (const [ngram, count] of ngramCounts(reference, order)) total.set(ngram, (total.get(ngram) ?? 0) + count)
    return total
  })
  return (ngram, order) => {
    const start = ngram.slice(0, Math.max(0, ngram.lastIndexOf(' ')))
    const isNone = order === 1 || (mteval === 'perl' && start === '0')
    const before = isNone ? words : counts[order - 2]!.get(start)!
    return Math.log2(before / counts[order - 1]!.get(ngram)!)
  }
}

function runsOf(pairs: readonly WordPair[], order: number, mteval: MtevalOptions['mteval']): number {
  if (mteval === 'perl') return Math.max(1, sum(pairs.map(({ words }) => Math.max(0, words.length - order + 1))))
  // A text of fewer words takes from the sum there.
  const runs = sum(pairs.map(({ words }) => words.length - order + 1))
  if (runs !== 0) return runs
  throw new ArgumentError(
    'METRIC_SHORT',
    `nist: expected predictions of ${order} words or more, got none to speak of, and mteval 'python' divides by their number; take mteval 'perl'`,
    { order },
  )
}

function meanLength(pairs: readonly WordPair[], mteval: MtevalOptions['mteval']): number {
  const lengths = pairs.map(({ references }) => sum(references.map(reference => reference.length)))
  if (mteval === 'python') return sum(lengths.map((length, i) => length / pairs[i]!.references.length))
  const filled = sum(pairs.map(({ references }) => references.filter(reference => reference.length > 0).length))
  if (filled > 0) return sum(lengths) / (filled / pairs.length)
  throw new ArgumentError(
    'METRIC_REFERENCES',
    'nist: expected a reference with a word in it, got none; look at how the references are read',
  )
}
