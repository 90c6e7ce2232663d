import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { EncodedIds, EncodedText } from '../../lib/text/index.ts'

/** Golden files of the text room, made by Python's tokenizers. */
export const goldenFolder = resolve('test/golden/tokenizers')

/** A small byte-level BPE of RoBERTa's kind, as a Hugging Face folder. */
export const bpeFolder = join(goldenFolder, 'bpe')

/** ids, type ids, offsets (flat), word ids (-1: none), mask of special tokens, sequence ids (-1: none). */
export type Compact = number[][]

export interface CutCase {
  input: number
  truncation: 'longest_first' | 'only_first' | 'only_second'
  side: 'right' | 'left'
  maxLength: number
  refused?: string
  expected?: Compact
}

export interface GoldenEncodings {
  full: Compact[]
  withoutSpecialTokens: Compact[]
  decoded: [string, string][]
  cut: CutCase[]
}

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(join(goldenFolder, name), 'utf8')) as T
}

export function textInput(texts: readonly string[]): { text: string; pair?: string } {
  const [text, pair] = texts
  return pair === undefined ? { text: text! } : { text: text!, pair }
}

export function compact(encoded: EncodedText): Compact {
  return [
    encoded.ids,
    encoded.typeIds,
    encoded.offsets.flat(),
    encoded.wordIds.map(word => word ?? -1),
    encoded.specialTokensMask,
    encoded.sequenceIds.map(sequence => sequence ?? -1),
  ]
}

/** Numbers in the order in which the golden script hashes them. */
export function hashedIds({ ids }: EncodedIds): number[] {
  return [ids.length, ...ids]
}

export function hashedAlignment({ offsets, wordIds, typeIds }: EncodedText): number[] {
  return [...offsets.flat(), ...wordIds.map(word => word ?? -1), ...typeIds]
}
