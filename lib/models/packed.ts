import { ShapeError } from '../errors.ts'
import { tensor } from '../tensor/index.ts'
import { checkArrays, type PackedBatch, type PaddedArrays, rangeOf } from './batch.ts'

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
  const first: number[] = []
  for (let text = 0; text < texts; text++) {
    first.push(kept.length)
    if (Number(attentionMask[text * seq]) === 0) throw noFirst(text)
    for (let place = text * seq; place < (text + 1) * seq; place++)
      if (Number(attentionMask[place]) !== 0) kept.push(place)
    lengths.push(kept.length - first[text]!)
  }
  const longest = Math.max(...lengths)
  const mask = new BigInt64Array(texts * longest)
  const rowOf = new BigInt64Array(texts * longest)
  const placeOf: number[] = []
  for (const [text, length] of lengths.entries()) {
    for (let i = 0; i < length; i++) {
      const place = text * longest + i
      mask[place] = 1n
      rowOf[place] = BigInt(first[text]! + i)
      placeOf.push(place)
    }
  }
  const long = (values: readonly number[]) => tensor(BigInt64Array.from(values, BigInt), { device })
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
    positions: long(kept.map(place => place % seq)),
    rows: {
      lengths,
      first: long(first),
      mask: tensor(mask, { shape: [texts, longest], device }),
      rowOf: tensor(rowOf, { device }),
      placeOf: long(placeOf),
    },
    hasPadding: lengths.some(length => length < longest),
    tokenRange: rangeOf(ids),
  }
}

function noFirst(text: number): ShapeError {
  const got = `padding at the start of text ${text}`
  return new ShapeError('BATCH_SHAPE', `packBatch: expected padding at the end alone, got ${got}; use toBatch`, {
    text,
  })
}
