import { ArgumentError } from '../errors.ts'
import { ngramCounts } from './ngrams.ts'
import { captionWords } from './ptb-words.ts'
import { mean, sum } from './sum.ts'
import { type TextReferences, wordPairs } from './text-pairs.ts'
import { PYTHON_SPACE, splitAt } from './tokenize-13a.ts'

export interface CiderOptions {
  /** Whether texts are words with spaces between them already, as pycocoevalcap's scorer takes them; not unless told. */
  tokenized?: boolean | undefined
}

const ORDERS = [1, 2, 3, 4]
/** Spread of the penalty on length, in runs of two words. */
const SIGMA = 6
const gaps = new RegExp(`[${PYTHON_SPACE}]+`, 'u')

/**
 * CIDEr from 0 to 10, as the E2E challenge measures it: that of pycocoevalcap (CIDEr-D), over words in lower case as
 * the Stanford tokenizer finds them, punctuation left out (`captionWords` says how close ours is).
 *
 * Runs of n words, n from 1 to 4, are weighted by how often they occur in the text times ln(texts / texts in whose
 * references they occur). The similarity to a reference is the cosine of the weights, those of the text clipped to the
 * reference's, times exp(-d^2 / 72) with d the difference in runs of two words. The score is 10 times the mean over n,
 * references and texts. It depends on the whole set; a single text scores 0.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, a prediction without a reference, what is no text,
 *   references that are all empty.
 */
export function cider(
  predictions: readonly string[],
  references: TextReferences,
  { tokenized = false }: CiderOptions = {},
): number {
  const split = tokenized ? (text: string) => splitAt(text, gaps) : captionWords
  const pairs = wordPairs('cider', predictions, references, split)
  const weigh = weights(pairs.map(pair => pair.references))
  return mean(
    pairs.map(({ words, references: others }) => {
      const text = weigh(words)
      return 10 * mean(others.map(other => similarity(text, weigh(other))))
    }),
  )
}

/** A text as weights of its runs, by their length in words. */
interface Vector {
  readonly weights: readonly ReadonlyMap<string, number>[]
  readonly norms: readonly number[]
  readonly pairs: number
}

/** Gives the function that weighs a text by how rare its runs are among the references of all texts. */
function weights(texts: readonly (readonly (readonly string[])[])[]): (words: readonly string[]) => Vector {
  const occurrences = ORDERS.map(order => {
    const counts = new Map<string, number>()
    for (const references of texts) {
      const runs = new Set(references.flatMap(words => [...ngramCounts(words, order).keys()]))
      for (const run of runs) counts.set(run, (counts.get(run) ?? 0) + 1)
    }
    return counts
  })
  if (occurrences[0]!.size === 0) {
    throw new ArgumentError(
      'METRIC_REFERENCES',
      'cider: expected a reference with a word in it, got none; look at how the references are read',
    )
  }
  const known = new Map<readonly string[], Vector>()
  return words => {
    const before = known.get(words)
    if (before !== undefined) return before
    const weights = ORDERS.map((order, n) => {
      const weighed = new Map<string, number>()
      for (const [run, count] of ngramCounts(words, order))
        weighed.set(run, count * (Math.log(texts.length) - Math.log(Math.max(1, occurrences[n]!.get(run) ?? 0))))
      return weighed
    })
    const norms = weights.map(weighed => Math.sqrt(sum(Array.from(weighed.values(), weight => weight ** 2))))
    const vector = { weights, norms, pairs: Math.max(0, words.length - 1) }
    known.set(words, vector)
    return vector
  }
}

function similarity(text: Vector, reference: Vector): number {
  const penalty = Math.exp(-((text.pairs - reference.pairs) ** 2) / (2 * SIGMA ** 2))
  return mean(
    text.weights.map((weighed, n) => {
      const products = Array.from(weighed, ([run, weight]) => {
        const other = reference.weights[n]!.get(run) ?? 0
        return Math.min(weight, other) * other
      })
      const norm = text.norms[n]! * reference.norms[n]!
      return (penalty * sum(products)) / (norm === 0 ? 1 : norm)
    }),
  )
}
