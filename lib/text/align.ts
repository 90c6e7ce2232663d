import { ArgumentError } from '../errors.ts'
import type { EncodedWords, WordWindow } from './encode-words.ts'

/** The label of tokens that count for nothing, as in torch's cross-entropy. */
export const ignoredLabel = -100

/**
 * Labels of words on the tokens of a window: on the first token of each word that the window answers for; all other tokens
 * are -100, which a loss leaves out.
 *
 * @param labels - a class index for each word of the sentence
 * @throws ArgumentError where there are fewer labels than words
 */
export function labelTokens({ ids, firstTokens }: WordWindow, labels: readonly number[]): number[] {
  const placed = new Array<number>(ids.length).fill(ignoredLabel)
  for (const [word, token] of firstTokens) {
    const label = labels[word]
    if (label === undefined) {
      throw new ArgumentError(
        'text-labels',
        `labelTokens: expected a label for word ${word}, got ${labels.length} labels; give one for each word`,
        { word, labels: labels.length },
      )
    }
    placed[token] = label
  }
  return placed
}

/**
 * What was said of the tokens of each window, as one list for the words of the sentence: that of each word's first token
 * in the window that answers for it; undefined for a word that has no tokens.
 *
 * @param values - for each window a value for each of its tokens
 */
export function joinWindows<T>({ words, windows }: EncodedWords, values: readonly (readonly T[])[]): (T | undefined)[] {
  const joined = new Array<T | undefined>(words).fill(undefined)
  for (const [index, { firstTokens }] of windows.entries()) {
    for (const [word, token] of firstTokens) joined[word] = values[index]![token]
  }
  return joined
}

/** Words that have a token, by their place in the sentence: those of which a model can say anything. */
export function wordsWithTokens({ windows }: EncodedWords): number[] {
  return windows.flatMap(({ firstTokens }) => firstTokens.map(([word]) => word))
}
