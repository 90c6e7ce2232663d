import { AbortError, ArgumentError } from '../errors.ts'
import type { Encoding, NativeTokenizer } from './library.ts'
import { type Offsets, toCodeUnits } from './offsets.ts'
import { keptLengths, type Side, type Truncation } from './truncation.ts'

/** One text, or a pair of texts that the model reads together. */
export interface TextInput {
  text: string
  pair?: string
}

export interface EncodeOptions {
  /** Most tokens of one text or pair, special tokens included. Default: what the tokenizer's folder says; none where it says nothing. */
  maxLength?: number
  /** Default `'longest_first'`. */
  truncation?: Truncation
  /** Default true. */
  addSpecialTokens?: boolean
  /** False leaves out offsets, word ids, sequence ids and the mask of special tokens: faster, and a third of the memory. Default true. */
  alignment?: boolean
  /** Looked at between chunks. */
  signal?: AbortSignal
}

/** What a model needs of one text. */
export interface EncodedIds {
  ids: number[]
  typeIds: number[]
  /** Tokens before any cut, special tokens included. */
  length: number
  truncated: boolean
}

/** One text as tokens; all lists have one entry a token. */
export interface EncodedText extends EncodedIds {
  /** 1 for tokens that the tokenizer added, 0 for tokens of the text. */
  specialTokensMask: number[]
  /** In UTF-16 code units of the token's own text; [0, 0] for special tokens. */
  offsets: Offsets[]
  /** Word of the token in its own text, counted from 0; null for special tokens. */
  wordIds: (number | null)[]
  /** 0 for the text, 1 for its pair, null for special tokens. */
  sequenceIds: (number | null)[]
}

/** Options with every default filled in. */
export interface EncodePlan {
  maxLength: number | null
  truncation: Truncation
  truncationSide: Side
  addSpecialTokens: boolean
  alignment: boolean
  signal?: AbortSignal | undefined
}

/** Few enough texts, and few enough characters, that turning one chunk into lists holds the event loop for milliseconds. */
const chunkTexts = 64
const chunkCharacters = 1 << 18

/** Tokenises on the library's threads, a chunk of texts at a time; the event loop runs between chunks. */
export async function encodeTexts(
  native: NativeTokenizer,
  inputs: readonly TextInput[],
  plan: EncodePlan,
): Promise<(EncodedIds | EncodedText)[]> {
  const options = { addSpecialTokens: plan.addSpecialTokens }
  const result: (EncodedIds | EncodedText)[] = []
  for (let start = 0; start < inputs.length; ) {
    if (plan.signal?.aborted) {
      throw new AbortError(
        'aborted',
        `encode: stopped by its signal after ${start} of ${inputs.length} texts`,
        { done: start },
        { cause: plan.signal.reason },
      )
    }
    const end = chunkEnd(inputs, start)
    const chunk = inputs.slice(start, end)
    // Not encodeBatch: in 0.23.2 it refuses pairs.
    const encodings = await Promise.all(chunk.map(({ text, pair }) => native.encode(text, pair ?? null, options)))
    encodings.forEach((encoding, i) => {
      result.push(convert(encoding, chunk[i]!, `encode: text ${start + i}`, plan))
    })
    start = end
  }
  return result
}

/** @throws ArgumentError for anything but texts, with its place in the list. */
export function checkInputs(inputs: readonly TextInput[]): void {
  if (!Array.isArray(inputs)) {
    throw new ArgumentError(
      'text-input',
      `encode: expected a list of { text, pair? }, got ${kind(inputs)}; put the text into a list`,
    )
  }
  inputs.forEach((input, i) => {
    const { text, pair } = (input ?? {}) as TextInput
    if (typeof text !== 'string') {
      const got = typeof input === 'object' && input !== null ? `text: ${kind(text)}` : kind(input)
      throw new ArgumentError('text-input', `encode: text ${i}: expected { text: string }, got ${got}; give a string`, {
        index: i,
      })
    }
    if (pair !== undefined && typeof pair !== 'string') {
      throw new ArgumentError(
        'text-input',
        `encode: text ${i}: expected pair to be a string or left out, got ${kind(pair)}; give a string`,
        { index: i },
      )
    }
  })
}

function chunkEnd(inputs: readonly TextInput[], start: number): number {
  let end = start
  for (let characters = 0; end < inputs.length && end - start < chunkTexts && characters < chunkCharacters; end += 1) {
    const { text, pair } = inputs[end]!
    characters += text.length + (pair?.length ?? 0)
  }
  return end
}

function convert(encoding: Encoding, input: TextInput, where: string, plan: EncodePlan): EncodedIds | EncodedText {
  const length = encoding.getLength()
  const kept = keptTokens(encoding, length, input, where, plan)
  const pick = <T>(values: T[]): T[] => (kept ? kept.map(i => values[i]!) : values)
  const encoded: EncodedIds = {
    ids: pick(encoding.getIds()),
    typeIds: pick(encoding.getTypeIds()),
    length,
    truncated: kept !== null,
  }
  if (!plan.alignment) return encoded
  const sequenceIds = pick(orNull(encoding.getSequenceIds()))
  const offsets = kept ? kept.map(i => offsetsOf(encoding, i)) : (encoding.getOffsets() as Offsets[])
  toCodeUnits(ofSequence(offsets, sequenceIds, 0), input.text)
  if (input.pair !== undefined) toCodeUnits(ofSequence(offsets, sequenceIds, 1), input.pair)
  return {
    ...encoded,
    specialTokensMask: pick(encoding.getSpecialTokensMask()),
    offsets,
    wordIds: pick(orNull(encoding.getWordIds())),
    sequenceIds,
  }
}

/**
 * Positions of the tokens that stay; null where all do. Tokens are taken out of the finished encoding: what the
 * tokenizer adds around a text and how it trims offsets does not depend on the tokens that go.
 */
function keptTokens(
  encoding: Encoding,
  length: number,
  input: TextInput,
  where: string,
  plan: EncodePlan,
): number[] | null {
  if (plan.truncation === false || plan.maxLength === null || length <= plan.maxLength) return null
  const sequences = encoding.getSequenceIds()
  const counts = [0, 0]
  for (const sequence of sequences) if (sequence != null) counts[sequence]! += 1
  const [first, second] = counts as [number, number]
  const room = plan.maxLength - (length - first - second)
  const kept = keptLengths(first, input.pair === undefined ? null : second, room, plan.truncation, where)
  // Tokens of each sequence that are passed over before the kept ones begin.
  const skipped = plan.truncationSide === 'left' ? [first - kept[0], second - kept[1]] : [0, 0]
  const seen = [0, 0]
  const positions: number[] = []
  sequences.forEach((sequence, i) => {
    if (sequence == null) {
      positions.push(i)
      return
    }
    const place = seen[sequence]!++ - skipped[sequence]!
    if (place >= 0 && place < kept[sequence]!) positions.push(i)
  })
  return positions
}

/** Read one by one where most tokens of a long text go: a list of a million pairs would hold the event loop. */
function offsetsOf(encoding: Encoding, token: number): Offsets {
  const offsets = encoding.tokenToChars(token)
  return offsets ? [offsets[0], offsets[1]] : [0, 0]
}

function ofSequence(offsets: readonly Offsets[], sequenceIds: readonly (number | null)[], sequence: number): Offsets[] {
  return offsets.filter((_, i) => sequenceIds[i] === sequence)
}

function orNull(values: readonly (number | null | undefined)[]): (number | null)[] {
  return values.map(value => value ?? null)
}

function kind(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : typeof value
}
