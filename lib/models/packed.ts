import { ShapeError } from '../errors.ts'
import type { TextRows } from '../nn/index.ts'
import { tensor } from '../tensor/index.ts'
import { checkArrays, type PackedBatch, type PaddedArrays, rangeOf } from './batch.ts'

/** One text as a tokenizer gives it. */
export interface TextIds {
  readonly ids: readonly number[]
  /** Which text of a pair a token belongs to. */
  readonly typeIds: readonly number[]
}

/**
 * Puts the tokens of a padded batch on a device without its padding: one row a token, text after text.
 *
 * @throws as `toBatch` does; ShapeError for a text that begins with padding: its first place, which a classifier reads, would
 * be gone.
 */
export function packBatch(arrays: PaddedArrays, device = 'cpu'): PackedBatch {
  const [texts, seq] = checkArrays(arrays, 'packBatch')
  const { attentionMask, tokenTypeIds } = arrays
  const kept: number[] = [] // places in the arrays, of each row
  const lengths: number[] = []
  for (let text = 0; text < texts; text++) {
    const before = kept.length
    if (Number(attentionMask[text * seq]) === 0) {
      throw noFirst('packBatch', 'padding at the end alone', `padding at the start of text ${text}; use toBatch`)
    }
    for (let place = text * seq; place < (text + 1) * seq; place++)
      if (Number(attentionMask[place]) !== 0) kept.push(place)
    lengths.push(kept.length - before)
  }
  const take = (from: BigInt64Array | Int32Array) => {
    const taken = from.slice(0, kept.length)
    kept.forEach((place, row) => {
      taken[row] = from[place]!
    })
    return taken
  }
  const ids = take(arrays.inputIds)
  return {
    layout: 'packed',
    inputIds: tensor(ids, { device }),
    ...(tokenTypeIds ? { tokenTypeIds: tensor(take(tokenTypeIds), { device }) } : {}),
    positions: tensor(
      BigInt64Array.from(kept, place => BigInt(place % seq)),
      { device },
    ),
    rows: layOut(lengths, kept.length, device),
    hasPadding: isUneven(lengths),
    tokenRange: rangeOf(ids),
  }
}

/**
 * The same batch from a tokenizer's lists, which are never padded.
 *
 * @throws ShapeError for a text without tokens.
 */
export function packTexts(texts: readonly TextIds[], device = 'cpu'): PackedBatch {
  const lengths = texts.map(({ ids }) => ids.length)
  const empty = lengths.indexOf(0)
  if (texts.length === 0 || empty >= 0) {
    throw noFirst('packTexts', 'texts with a token each', texts.length === 0 ? 'no text' : `none in text ${empty}`)
  }
  const rows = lengths.reduce((sum, length) => sum + length, 0)
  const [inputIds, tokenTypeIds, positions] = [0, 1, 2].map(() => new BigInt64Array(rows)) as [
    BigInt64Array<ArrayBuffer>,
    BigInt64Array<ArrayBuffer>,
    BigInt64Array<ArrayBuffer>,
  ] // [rows]
  let row = 0
  for (const { ids, typeIds } of texts) {
    for (let i = 0; i < ids.length; i++, row++) {
      inputIds[row] = BigInt(ids[i]!)
      tokenTypeIds[row] = BigInt(typeIds[i]!)
      positions[row] = BigInt(i)
    }
  }
  return {
    layout: 'packed',
    inputIds: tensor(inputIds, { device }),
    tokenTypeIds: tensor(tokenTypeIds, { device }),
    positions: tensor(positions, { device }),
    rows: layOut(lengths, rows, device),
    hasPadding: isUneven(lengths),
    tokenRange: rangeOf(inputIds),
  }
}

/** Where the texts lie. */
function layOut(lengths: readonly number[], rows: number, device: string): TextRows {
  const texts = lengths.length
  const longest = Math.max(...lengths)
  const first = new BigInt64Array(texts)
  const mask = new BigInt64Array(texts * longest) // [texts, longest]
  const rowOf = new BigInt64Array(texts * longest)
  const placeOf = new BigInt64Array(rows)
  let row = 0
  for (let text = 0; text < texts; text++) {
    first[text] = BigInt(row)
    for (let i = 0; i < lengths[text]!; i++, row++) {
      const place = text * longest + i
      mask[place] = 1n
      rowOf[place] = BigInt(row)
      placeOf[row] = BigInt(place)
    }
  }
  return {
    lengths,
    first: tensor(first, { device }),
    mask: tensor(mask, { shape: [texts, longest], device }),
    rowOf: tensor(rowOf, { device }),
    placeOf: tensor(placeOf, { device }),
  }
}

function isUneven(lengths: readonly number[]): boolean {
  return lengths.some(length => length !== lengths[0])
}

function noFirst(where: string, expected: string, got: string): ShapeError {
  return new ShapeError('BATCH_SHAPE', `${where}: expected ${expected}, got ${got}`, { got })
}
