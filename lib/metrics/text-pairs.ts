import { ArgumentError } from '../errors.ts'
import { checkPairs } from './check.ts'

/** What is to be said, for one text: a list of texts that are all right, or the only one. */
export type TextReferences = readonly (string | readonly string[])[]

/** A text and its references, as words. */
export interface WordPair {
  readonly words: readonly string[]
  readonly references: readonly (readonly string[])[]
}

/** Cuts texts and references into words; refuses what is no text and texts without a reference. */
export function wordPairs(
  where: string,
  predictions: readonly string[],
  references: TextReferences,
  split: (text: string) => string[],
): WordPair[] {
  checkPairs(where, predictions, references)
  // One reference often stands for several predictions, as where they come from several models.
  const known = new Map<string, string[]>()
  const words = (text: string): string[] => {
    let result = known.get(text)
    if (result === undefined) known.set(text, (result = split(text)))
    return result
  }
  return predictions.map((prediction, i) => {
    const texts = referencesAt(where, references, i)
    for (const text of [prediction, ...texts]) checkText(where, text, i)
    return { words: words(prediction), references: texts.map(words) }
  })
}

function referencesAt(where: string, references: TextReferences, index: number): readonly string[] {
  const entry = references[index]!
  const texts = Array.isArray(entry) ? (entry as readonly string[]) : [entry as string]
  if (texts.length > 0) return texts
  throw new ArgumentError(
    'METRIC_REFERENCES',
    `${where}: expected at least one reference for each prediction, got none at ${index}; leave out texts without one`,
    { index },
  )
}

function checkText(where: string, text: unknown, index: number): void {
  if (typeof text === 'string') return
  throw new ArgumentError(
    'METRIC_TEXT',
    `${where}: expected texts, got ${text === null ? 'null' : typeof text} at ${index}; pass strings, and a list of strings where there are several references`,
    { index },
  )
}
