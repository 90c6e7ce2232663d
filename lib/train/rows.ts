import { setImmediate } from 'node:timers/promises'
import { encodeLabels, type LabelSet } from '../data/labels.ts'
import { AbortError } from '../errors.ts'
import type { EncodedIds, TextInput, Tokenizer } from '../text/index.ts'
import type { Example } from './types.ts'

/** What an example's label is for the loss: a class, a number, or 0 and 1 for each label. */
export type Target = number | readonly number[]

/** One example as numbers. */
export interface Row {
  readonly encoded: EncodedIds
  readonly target: Target
  /** The classes that the loss sees, where they are not the target itself: those of words that have tokens. */
  readonly classes?: readonly number[]
}

export interface EncodeContext {
  readonly tokenizer: Tokenizer
  readonly maxLength: number
  /** Tokens that two windows of a long sentence share. */
  readonly stride: number
  readonly shouldStop: () => boolean
}

/** Texts between two looks at `shouldStop`. */
const CHUNK = 512

/**
 * Tokens of texts, cut at `maxLength`.
 *
 * @throws AbortError when stopped.
 */
export async function encodeInputs(
  inputs: readonly { text: string; pair?: string | undefined }[],
  { tokenizer, maxLength, shouldStop }: EncodeContext,
): Promise<EncodedIds[]> {
  const texts = inputs.map(({ text, pair }): TextInput => (pair === undefined ? { text } : { text, pair }))
  const encoded: EncodedIds[] = []
  for (let start = 0; start < texts.length; start += CHUNK) {
    if (shouldStop()) throw new AbortError('STOPPED', 'the work was stopped while texts were turned into tokens')
    const chunk = await tokenizer.encode(texts.slice(start, start + CHUNK), { maxLength, alignment: false })
    for (const item of chunk) encoded.push(item)
    await setImmediate()
  }
  return encoded
}

/**
 * Examples as rows.
 *
 * @param labels Undefined for a regression.
 * @param where What errors call the list.
 * @throws DataError for a label that is not in the set.
 */
export async function encodeExamples(
  examples: readonly Example[],
  labels: LabelSet | undefined,
  where: string,
  context: EncodeContext,
): Promise<Row[]> {
  const targets = labels ? encodeLabels(examples, labels, where) : examples.map(example => example.label as number)
  const encoded = await encodeInputs(examples, context)
  return encoded.map((item, index) => ({ encoded: item, target: targets[index]! }))
}

/** How many texts were cut. */
export function countTruncated(rows: readonly Row[]): number {
  return rows.reduce((count, { encoded }) => count + (encoded.truncated ? 1 : 0), 0)
}
