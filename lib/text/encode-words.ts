import { AbortError, ArgumentError } from '../errors.ts'
import type { EncodedIds } from './encode.ts'
import type { NativeTokenizer } from './library.ts'
import { windowsOf } from './windows.ts'

export interface EncodeWordsOptions {
  /** Most tokens of a window, special tokens included. Default: what the tokenizer's folder says; none where it says nothing. */
  maxLength?: number
  /** Most tokens that two windows of a sentence share; default 0. */
  stride?: number
  /** Tokens of words that were met before: give the same map to several calls. */
  memo?: Map<string, number[]>
  /** Looked at between chunks. */
  signal?: AbortSignal
}

/** A part of a sentence as tokens: the whole of it where it fits. */
export interface WordWindow extends EncodedIds {
  /** Word of the sentence that each token belongs to; null for special tokens. */
  wordIds: (number | null)[]
  /** Place of the first token of each word that this window answers for; words without tokens have none. */
  firstTokens: readonly (readonly [word: number, token: number])[]
}

/** A sentence as tokens; `ids` and what goes with them are those of its first window. */
export interface EncodedWords extends EncodedIds {
  /** How many words it has. */
  words: number
  windows: readonly WordWindow[]
}

/** What stands around the tokens of a text. */
export interface Surroundings {
  before: readonly number[]
  after: readonly number[]
  /** Type ids of special tokens and of a text, where there is no pair. */
  typeIds: { before: readonly number[]; text: number; after: readonly number[] }
}

/** Options with every default filled in. */
export interface EncodeWordsPlan {
  surroundings: Surroundings
  maxLength: number | null
  stride: number
  memo: Map<string, number[]>
  signal?: AbortSignal | undefined
}

/** Words between two looks at the signal. */
const chunkWords = 1024

/**
 * Sentences of words as tokens. Each word is tokenised by itself, as `is_split_into_words` has it in transformers (the
 * library's own way is out of reach from Node), and their tokens are joined between the tokenizer's special tokens.
 */
export async function encodeSentences(
  native: NativeTokenizer,
  sentences: readonly (readonly string[])[],
  plan: EncodeWordsPlan,
): Promise<EncodedWords[]> {
  const { memo, signal } = plan
  const unknown = [...new Set(sentences.flat())].filter(word => !memo.has(word))
  for (let start = 0; start < unknown.length; start += chunkWords) {
    if (signal?.aborted) {
      const message = `encodeWords: stopped by its signal after ${start} of ${unknown.length} words`
      throw new AbortError('aborted', message, { done: start }, { cause: signal.reason })
    }
    const chunk = unknown.slice(start, start + chunkWords)
    const options = { addSpecialTokens: false }
    const encodings = await Promise.all(chunk.map(word => native.encode(word, null, options)))
    for (const [index, encoding] of encodings.entries()) memo.set(chunk[index]!, encoding.getIds())
  }
  return sentences.map(sentence => assemble(sentence, plan))
}

function assemble(
  sentence: readonly string[],
  { memo, surroundings, maxLength, stride }: EncodeWordsPlan,
): EncodedWords {
  const { before, after, typeIds } = surroundings
  const specials = before.length + after.length
  const room = maxLength === null ? Number.POSITIVE_INFINITY : maxLength - specials
  const pieces = sentence.map(word => memo.get(word)!)
  const kept = pieces.map(ids => (ids.length > room ? ids.slice(0, room) : ids))
  const truncated = kept.some((ids, word) => ids !== pieces[word])
  const spans = windowsOf(
    kept.map(ids => ids.length),
    room,
    stride,
  )
  const windows = spans.map(({ start, end, ownStart, ownEnd }): WordWindow => {
    const ids = [...before]
    const wordIds: (number | null)[] = before.map(() => null)
    const firstTokens: [number, number][] = []
    for (let word = start; word < end; word++) {
      const own = kept[word]!
      if (own.length > 0 && word >= ownStart && word < ownEnd) firstTokens.push([word, ids.length])
      for (const id of own) {
        ids.push(id)
        wordIds.push(word)
      }
    }
    const text = ids.length - before.length
    for (const id of after) {
      ids.push(id)
      wordIds.push(null)
    }
    const types = [...typeIds.before, ...new Array<number>(text).fill(typeIds.text), ...typeIds.after]
    return { ids, typeIds: types, length: ids.length, truncated, wordIds, firstTokens }
  })
  const { ids, typeIds: types } = windows[0]!
  const length = specials + pieces.reduce((sum, { length: tokens }) => sum + tokens, 0)
  return { ids, typeIds: types, length, truncated, words: sentence.length, windows }
}

/**
 * What stands around a text, and the type of its tokens.
 *
 * @throws ArgumentError for a tokenizer that makes nothing of a letter
 */
export async function surroundingsOf(native: NativeTokenizer): Promise<Surroundings> {
  const encoding = await native.encode('a', null)
  const [ids, types, mask] = [encoding.getIds(), encoding.getTypeIds(), encoding.getSpecialTokensMask()]
  const [first, last] = [mask.indexOf(0), mask.lastIndexOf(0)]
  if (first < 0) {
    throw new ArgumentError(
      'text-words',
      "encodeWords: expected a tokenizer that has a token for 'a', got none; take the tokenizer of the model",
    )
  }
  return {
    before: ids.slice(0, first),
    after: ids.slice(last + 1),
    typeIds: { before: types.slice(0, first), text: types[first]!, after: types.slice(last + 1) },
  }
}

/** @throws ArgumentError for anything but lists of texts, with its place. */
export function checkSentences(sentences: readonly (readonly string[])[]): void {
  if (!Array.isArray(sentences)) {
    throw new ArgumentError('text-input', 'encodeWords: expected a list of lists of words, got none; wrap them')
  }
  for (const [index, sentence] of sentences.entries()) {
    const wrong = Array.isArray(sentence) ? sentence.findIndex(word => typeof word !== 'string') : 0
    if (wrong < 0) continue
    const got = Array.isArray(sentence) ? `${typeof sentence[wrong]} at ${wrong}` : `a ${typeof sentence}`
    throw new ArgumentError(
      'text-input',
      `encodeWords: sentence ${index}: expected a list of words, got ${got}; give strings`,
      { index },
    )
  }
}
