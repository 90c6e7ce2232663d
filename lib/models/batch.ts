import { ArgumentError, ShapeError } from '../errors.ts'
import { mul, ne, sub, to, view } from '../ops/index.ts'
import { type DType, type Tensor, tensor } from '../tensor/index.ts'
import type { AttentionContext } from '../nn/index.ts'

/** Texts side by side, the short ones filled up: every tensor is [batch, seq]. */
export interface PaddedBatch {
  readonly layout: 'padded'
  /** [batch, seq] int64 (or int32) */
  readonly inputIds: Tensor
  /** [batch, seq], 1 = keep, 0 = padding */
  readonly attentionMask: Tensor
  /** [batch, seq], which text of a pair a token belongs to; 0 everywhere where absent */
  readonly tokenTypeIds?: Tensor
  /** False where it is known that no token is padding: attention then needs no mask. */
  readonly hasPadding?: boolean
  /** Least and largest token where they are known, so that a foreign tokenizer is told from a fault on the device. */
  readonly tokenRange?: readonly [least: number, largest: number]
}

/** The input of a model: a record of tensors that says how its texts are laid out. Other layouts will join the padded one. */
export type Batch = PaddedBatch

/** The same as plain arrays, as the text room makes it. */
export interface PaddedArrays {
  readonly layout: 'padded'
  /** [batch, seq] */
  readonly shape: readonly number[]
  readonly inputIds: BigInt64Array | Int32Array
  readonly attentionMask: BigInt64Array | Int32Array
  readonly tokenTypeIds?: BigInt64Array | Int32Array | undefined
}

/**
 * Puts a batch of plain arrays on a device.
 *
 * @throws ShapeError where an array does not hold `shape`, ArgumentError for an empty batch or an unknown layout.
 */
export function toBatch(arrays: PaddedArrays, device = 'cpu'): Batch {
  requirePadded(arrays, 'toBatch')
  const shape = [...arrays.shape]
  const count = shape.reduce((product, size) => product * size, 1)
  if (shape.length !== 2 || count === 0) {
    throw new ArgumentError(
      'EMPTY_BATCH',
      `toBatch: expected a shape [batch, seq] with tokens, got [${shape.join(', ')}]`,
    )
  }
  const upload = (array: BigInt64Array | Int32Array, name: string): Tensor => {
    if (array.length === count) return tensor(array, { shape, device })
    throw new ShapeError(
      'BATCH_SHAPE',
      `toBatch: expected ${count} ${name} for [${shape.join(', ')}], got ${array.length}`,
      {
        shapes: [shape, [array.length]],
      },
    )
  }
  return {
    layout: 'padded',
    inputIds: upload(arrays.inputIds, 'inputIds'),
    attentionMask: upload(arrays.attentionMask, 'attentionMask'),
    ...(arrays.tokenTypeIds ? { tokenTypeIds: upload(arrays.tokenTypeIds, 'tokenTypeIds') } : {}),
    hasPadding: hasZero(arrays.attentionMask),
    tokenRange: rangeOf(arrays.inputIds),
  }
}

/** The same batch on another device; tensors that are there already stay as they are. */
export function batchToDevice(batch: Batch, device: string): Batch {
  const move = (moved: Tensor) => (moved.device === device ? moved : to(moved, { device }))
  return {
    ...batch,
    inputIds: move(batch.inputIds),
    attentionMask: move(batch.attentionMask),
    ...(batch.tokenTypeIds ? { tokenTypeIds: move(batch.tokenTypeIds) } : {}),
  }
}

/**
 * Checks that a batch is one a model can read: its layout, equal shapes [batch, seq], at most `maxLength` tokens a text,
 * all of them below `vocabSize`.
 *
 * @throws ArgumentError for another layout or a foreign token, ShapeError with both shapes.
 */
export function checkBatch(batch: Batch, maxLength: number, vocabSize: number): void {
  requirePadded(batch, 'forward')
  const { shape } = batch.inputIds
  if (shape.length !== 2) throw unfit('inputIds [batch, seq]', shape)
  for (const name of ['attentionMask', 'tokenTypeIds'] as const) {
    const other = batch[name]?.shape
    if (other && other.join() !== shape.join())
      throw unfit(`${name} of the shape [${shape.join(', ')}] of inputIds`, other)
  }
  if (shape[1]! > maxLength) throw unfit(`at most ${maxLength} tokens a text (cut longer ones)`, shape)
  const [least, largest] = batch.tokenRange ?? [0, 0]
  if (least >= 0 && largest < vocabSize) return
  throw new ArgumentError(
    'FOREIGN_TOKEN',
    `forward: expected tokens from 0 to ${vocabSize - 1}, got ${least < 0 ? least : largest}; use the model's own tokenizer`,
    { vocabSize, tokenRange: batch.tokenRange },
  )
}

/** What attention needs of a batch, for scores of `dtype`. */
export function attentionContext(batch: Batch, dtype: DType): AttentionContext {
  if (batch.hasPadding === false) return {}
  const [texts, seq] = batch.attentionMask.shape as [number, number]
  const kept = to(ne(batch.attentionMask, 0), { dtype }) // [batch, seq]
  const bias = mul(sub(kept, 1), hidden[dtype] ?? hidden.float32!) // 0 where kept
  return { bias: view(bias, [texts, 1, 1, seq]) } // [batch, heads, query, key]
}

/**
 * Far enough below any score that softmax gives an exact 0, and half of the dtype's range, so that adding a score cannot
 * overflow: a text without any kept token gets even weights and no NaN.
 */
const hidden: Partial<Record<DType, number>> = { float64: 8e307, float32: 1.5e38, bfloat16: 1.5e38, float16: 3.2e4 }

function hasZero(mask: BigInt64Array | Int32Array): boolean {
  return mask instanceof BigInt64Array ? mask.includes(0n) : mask.includes(0)
}

function rangeOf(ids: BigInt64Array | Int32Array): [number, number] {
  let least = ids[0]!
  let largest = ids[0]!
  for (const id of ids) {
    if (id < least) least = id
    if (id > largest) largest = id
  }
  return [Number(least), Number(largest)]
}

function requirePadded(batch: { layout: string }, where: string): void {
  if (batch.layout === 'padded') return
  throw new ArgumentError('BATCH_LAYOUT', `${where}: expected a batch of the layout 'padded', got '${batch.layout}'`)
}

function unfit(expected: string, got: readonly number[]): ShapeError {
  return new ShapeError('BATCH_SHAPE', `forward: expected ${expected}, got [${got.join(', ')}]`, { got })
}
