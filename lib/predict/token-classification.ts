import { entitiesOf } from '../metrics/entities.ts'
import type { PlacedWord } from '../text/index.ts'
import { argmax, finite, softmax } from './scores.ts'
import type { Prediction } from './text-classification.ts'

/** An entity that was found. */
export interface PredictedEntity {
  type: string
  /** What stands in the text from `start` to `end`. */
  text: string
  /** Where it stands in the text, in UTF-16 code units: `text.slice(start, end)`. Words given one by one are joined by a space. */
  start: number
  end: number
  /** The same in words. */
  tokenStart: number
  tokenEnd: number
  /** Mean probability of its words' labels. */
  score: number
}

/** What a sentence is read with. */
export interface TaggingContext {
  /** Label names in the order of the logits. */
  readonly labels: readonly string[]
  /** Whether the labels mark entities. */
  readonly entities: boolean
  readonly text: string
  readonly words: readonly PlacedWord[]
}

/**
 * The likeliest label of each word and the entities that these mark, read as conlleval does. A word without tokens is
 * outside: `O`, or the first label where there is no `O`.
 *
 * @param logits - [labels] of each word; undefined for one without tokens
 * @throws BidoraError where a logit is no number: such a model predicts nothing.
 */
export function toTagging(
  logits: readonly (Float64Array | undefined)[],
  { labels, entities, text, words }: TaggingContext,
): Prediction {
  const best = logits.map(row => (row === undefined ? undefined : argmax(finite(row))))
  const tags = best.map(index => labels[index ?? outsideOf(labels)]!)
  const tokens = words.map(word => word.text)
  if (!entities) return { tokens, labels: tags }
  const found = entitiesOf(tags).map(({ type, start, end }): PredictedEntity => {
    const [from, to] = [words[start]!.start, words[end - 1]!.end]
    const scores = logits.slice(start, end).map((row, at) => softmax(row!)[best[start + at]!]!)
    const score = scores.reduce((sum, value) => sum + value, 0) / scores.length
    return { type, text: text.slice(from, to), start: from, end: to, tokenStart: start, tokenEnd: end, score }
  })
  return { tokens, labels: tags, entities: found }
}

/** The class of a word of which a model can say nothing. */
export function outsideOf(labels: readonly string[]): number {
  return Math.max(0, labels.indexOf('O'))
}
