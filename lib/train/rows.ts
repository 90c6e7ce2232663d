import { setImmediate } from 'node:timers/promises'
import { AbortError, DataError } from '../errors.ts'
import type { EncodedIds, TextInput, Tokenizer } from '../text/index.ts'
import { type ProblemType, type Target, targetOf } from './labels.ts'
import type { Example } from './types.ts'

/** One example as numbers. */
export interface Row {
  readonly encoded: EncodedIds
  readonly target: Target
}

export interface EncodeContext {
  readonly tokenizer: Tokenizer
  readonly maxLength: number
  readonly shouldStop: () => boolean
}

const CHUNK = 512

/**
 * Tokens of texts, cut at `maxLength`. Stops between chunks when asked to.
 *
 * @throws AbortError when stopped.
 */
export async function encodeInputs(
  inputs: readonly TextInput[],
  { tokenizer, maxLength, shouldStop }: EncodeContext,
): Promise<EncodedIds[]> {
  const encoded: EncodedIds[] = []
  for (let start = 0; start < inputs.length; start += CHUNK) {
    if (shouldStop()) throw new AbortError('STOPPED', 'the work was stopped while texts were turned into tokens')
    for (const item of await tokenizer.encode(inputs.slice(start, start + CHUNK), { maxLength, alignment: false })) encoded.push(item)
    await setImmediate()
  }
  return encoded
}

/**
 * Examples as rows.
 *
 * @param part Which examples they are, for messages: `fit: example`, `validation example`.
 * @throws DataError for an empty text or a label that does not fit, naming the example's place.
 */
export async function encodeExamples(
  examples: readonly Example[],
  part: string,
  { labels, problemType, ...context }: EncodeContext & { labels: readonly string[]; problemType: ProblemType },
): Promise<Row[]> {
  const targets = examples.map((example, index) => {
    const where = `${part} ${index}`
    checkTexts(example, where)
    return targetOf(example.label, labels, problemType, where)
  })
  const encoded = await encodeInputs(examples.map(toInput), context)
  return encoded.map((item, index) => ({ encoded: item, target: targets[index]! }))
}

/** The texts of an example or of an input without a label. */
export function toInput({ text, pair }: { text: string; pair?: string | undefined }): TextInput {
  return pair === undefined ? { text } : { text, pair }
}

function checkTexts({ text, pair }: Example, where: string): void {
  if (typeof text !== 'string' || text.trim() === '') {
    throw new DataError('EMPTY_TEXT', `${where}: expected a text, got ${typeof text === 'string' ? 'an empty one' : typeof text}`)
  }
  if (pair !== undefined && (typeof pair !== 'string' || pair.trim() === '')) {
    throw new DataError('EMPTY_TEXT', `${where}: expected a second text (pair), got ${typeof pair === 'string' ? 'an empty one' : typeof pair}`)
  }
}

/** How many texts were cut. */
export function countTruncated(rows: readonly { encoded: EncodedIds }[]): number {
  return rows.reduce((count, { encoded }) => count + (encoded.truncated ? 1 : 0), 0)
}
