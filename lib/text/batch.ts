import { ArgumentError } from '../errors.ts'
import type { EncodedIds } from './encode.ts'

export interface PadOptions {
  /** Where the padding goes. */
  side: 'right' | 'left'
  padId: number
  /** Type id of padding; default 0. */
  padTypeId?: number
  /** The length is rounded up to a multiple of it. */
  multipleOf?: number
  /** A fixed length instead of the longest text's. */
  length?: number
}

/** A batch of texts of one length, plain numbers: rows of `size`, row after row. */
export interface PaddedIds {
  layout: 'padded'
  /** Texts. */
  size: number
  shape: [batch: number, seq: number]
  inputIds: BigInt64Array // [batch, seq]
  attentionMask: BigInt64Array // [batch, seq], 1 = keep
  tokenTypeIds: BigInt64Array // [batch, seq]
  /** Tokens that are no padding. */
  realTokens: number
}

/**
 * Pads encoded texts to one length.
 *
 * @throws ArgumentError for an empty batch, a text without tokens (attention over nothing but padding has no value), a
 * text longer than `length`, or numbers that are no ids or sizes.
 *
 * @example
 * ```ts
 * const batch = padBatch(await tokenizer.encode([{ text: 'a fine film' }, { text: 'dull' }]), tokenizer.padding())
 * ```
 */
export function padBatch(encoded: readonly EncodedIds[], options: PadOptions): PaddedIds {
  const { side, padId, padTypeId = 0 } = options
  checkOptions(options)
  const seq = paddedLength(encoded, options)
  const batch = encoded.length
  const inputIds = new BigInt64Array(batch * seq).fill(BigInt(padId)) // [batch, seq]
  const attentionMask = new BigInt64Array(batch * seq) // [batch, seq]
  const tokenTypeIds = new BigInt64Array(batch * seq).fill(BigInt(padTypeId)) // [batch, seq]
  let realTokens = 0
  encoded.forEach(({ ids, typeIds }, row) => {
    const start = row * seq + (side === 'left' ? seq - ids.length : 0)
    for (let i = 0; i < ids.length; i += 1) {
      inputIds[start + i] = BigInt(ids[i]!)
      tokenTypeIds[start + i] = BigInt(typeIds[i]!)
    }
    attentionMask.fill(1n, start, start + ids.length)
    realTokens += ids.length
  })
  return { layout: 'padded', size: batch, shape: [batch, seq], inputIds, attentionMask, tokenTypeIds, realTokens }
}

function paddedLength(encoded: readonly EncodedIds[], { length, multipleOf = 1 }: PadOptions): number {
  if (encoded.length === 0) {
    throw new ArgumentError('text-batch', 'padBatch: expected at least one text, got none; leave empty batches out')
  }
  let longest = 0
  encoded.forEach(({ ids }, i) => {
    if (ids.length === 0) {
      throw new ArgumentError(
        'text-batch',
        `padBatch: text ${i}: expected at least one token, got none; leave empty texts out or encode with special tokens`,
        { index: i },
      )
    }
    if (length !== undefined && ids.length > length) {
      throw new ArgumentError(
        'text-batch',
        `padBatch: text ${i}: expected at most ${length} tokens (length), got ${ids.length}; encode with maxLength ${length} or raise length`,
        { index: i, length, tokens: ids.length },
      )
    }
    longest = Math.max(longest, ids.length)
  })
  return Math.ceil((length ?? longest) / multipleOf) * multipleOf
}

function checkOptions({ side, padId, padTypeId = 0, multipleOf = 1, length = 1 }: PadOptions): void {
  if (side !== 'left' && side !== 'right') {
    throw new ArgumentError('text-batch', `padBatch: expected side 'left' or 'right', got ${String(side)}`, { side })
  }
  for (const [name, value, least] of [
    ['padId', padId, 0],
    ['padTypeId', padTypeId, 0],
    ['multipleOf', multipleOf, 1],
    ['length', length, 1],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new ArgumentError(
        'text-batch',
        `padBatch: expected ${name} to be a whole number from ${least}, got ${String(value)}`,
        { [name]: value },
      )
    }
  }
}
