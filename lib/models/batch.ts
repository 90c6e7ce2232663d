import { ArgumentError, ShapeError } from '../errors.ts'
import { mul, ne, sub, to, view } from '../ops/index.ts'
import { type DType, Tensor, tensor } from '../tensor/index.ts'
import type { AttentionContext, TextRows } from '../nn/index.ts'

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

/** Texts one after the other, without padding: `packBatch` makes it. Results are those of the padded batch. */
export interface PackedBatch {
  readonly layout: 'packed'
  /** [tokens] */
  readonly inputIds: Tensor
  /** [tokens] */
  readonly tokenTypeIds?: Tensor
  /** [tokens], the place of each token in its padded text */
  readonly positions: Tensor
  /** Where the texts lie. */
  readonly rows: TextRows
  /** False where all texts are equally long. */
  readonly hasPadding: boolean
  readonly tokenRange: readonly [least: number, largest: number]
}

/** The input of a model: a record of tensors that says how its texts are laid out. */
export type Batch = PaddedBatch | PackedBatch

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
export function toBatch(arrays: PaddedArrays, device = 'cpu'): PaddedBatch {
  const shape = checkArrays(arrays, 'toBatch')
  const { inputIds, attentionMask, tokenTypeIds } = arrays
  return {
    layout: 'padded',
    inputIds: tensor(inputIds, { shape, device }),
    attentionMask: tensor(attentionMask, { shape, device }),
    ...(tokenTypeIds ? { tokenTypeIds: tensor(tokenTypeIds, { shape, device }) } : {}),
    hasPadding: hasZero(attentionMask),
    tokenRange: rangeOf(inputIds),
  }
}

/**
 * Checks that every array holds `shape`, which it gives.
 *
 * @throws as `toBatch` does.
 */
export function checkArrays(arrays: PaddedArrays, where: string): [batch: number, seq: number] {
  requirePadded(arrays, where)
  const shape = [...arrays.shape]
  const count = shape.reduce((product, size) => product * size, 1)
  if (shape.length !== 2 || count === 0) {
    throw new ArgumentError(
      'EMPTY_BATCH',
      `${where}: expected a shape [batch, seq] with tokens, got [${shape.join(', ')}]`,
    )
  }
  for (const name of ['inputIds', 'attentionMask', 'tokenTypeIds'] as const) {
    const { length } = arrays[name] ?? { length: count }
    if (length === count) continue
    throw new ShapeError(
      'BATCH_SHAPE',
      `${where}: expected ${count} ${name} for [${shape.join(', ')}], got ${length}`,
      {
        shapes: [shape, [length]],
      },
    )
  }
  return shape as [number, number]
}

/** The same batch on another device; tensors that are there already stay as they are. */
export function batchToDevice<Some extends Batch>(batch: Some, device: string): Some {
  const move = <T>(value: T): T => {
    if (value instanceof Tensor) return (value.device === device ? value : to(value, { device })) as T
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, move(inner)])) as T
  }
  return move(batch)
}

/**
 * Checks that a batch is one a model can read: its layout, equal shapes [batch, seq], at most `maxLength` tokens a text,
 * all of them below `vocabSize`.
 *
 * @throws ArgumentError for another layout or a foreign token, ShapeError with both shapes.
 */
export function checkBatch(batch: Batch, maxLength: number, vocabSize: number): void {
  if (batch.layout === 'packed') checkPacked(batch, maxLength)
  else checkPadded(batch, maxLength)
  const [least, largest] = batch.tokenRange ?? [0, 0]
  if (least >= 0 && largest < vocabSize) return
  throw new ArgumentError(
    'FOREIGN_TOKEN',
    `forward: expected tokens from 0 to ${vocabSize - 1}, got ${least < 0 ? least : largest}; use the model's own tokenizer`,
    { vocabSize, tokenRange: batch.tokenRange },
  )
}

function checkPadded(batch: PaddedBatch, maxLength: number): void {
  requirePadded(batch, 'forward')
  const { shape } = batch.inputIds
  if (shape.length !== 2) throw unfit('inputIds [batch, seq]', shape)
  for (const name of ['attentionMask', 'tokenTypeIds'] as const) {
    const other = batch[name]?.shape
    if (other && other.join() !== shape.join())
      throw unfit(`${name} of the shape [${shape.join(', ')}] of inputIds`, other)
  }
  if (shape[1]! > maxLength) throw unfit(`at most ${maxLength} tokens a text (cut longer ones)`, shape)
}

/** What attention needs of a batch, for scores of `dtype`. */
export function attentionContext(batch: Batch, dtype: DType): AttentionContext {
  const rows = batch.layout === 'packed' ? { rows: batch.rows } : {}
  if (batch.hasPadding === false) return rows
  const mask = batch.layout === 'packed' ? batch.rows.mask : batch.attentionMask
  const [texts, seq] = mask.shape as [number, number]
  const kept = to(ne(mask, 0), { dtype }) // [batch, seq]
  const bias = mul(sub(kept, 1), farBelow(dtype)) // 0 where kept
  return { ...rows, bias: view(bias, [texts, 1, 1, seq]) } // [batch, heads, query, key]
}

/**
 * Far enough below any score that softmax gives an exact 0, and half of the dtype's range, so that adding a score cannot
 * overflow: a text without any kept token gets even weights and no NaN.
 */
const hidden: Partial<Record<DType, number>> = { float64: 8e307, float32: 1.5e38, bfloat16: 1.5e38, float16: 3.2e4 }

/** How far below its own score a hidden key is put, for scores of `dtype`. */
export function farBelow(dtype: DType): number {
  return hidden[dtype] ?? hidden.float32!
}

function checkPacked({ inputIds, tokenTypeIds, rows }: PackedBatch, maxLength: number): void {
  const { shape } = inputIds
  if (tokenTypeIds && tokenTypeIds.shape.join() !== shape.join())
    throw unfit(`tokenTypeIds of the shape [${shape.join(', ')}] of inputIds`, tokenTypeIds.shape)
  const longest = rows.mask.shape[1]!
  if (longest > maxLength) throw unfit(`at most ${maxLength} tokens a text (cut longer ones)`, [longest])
}

function hasZero(mask: BigInt64Array | Int32Array): boolean {
  return mask instanceof BigInt64Array ? mask.includes(0n) : mask.includes(0)
}

export function rangeOf(ids: BigInt64Array | Int32Array): [number, number] {
  let least = ids[0]!
  let largest = ids[0]!
  for (const id of ids) {
    if (id < least) least = id
    if (id > largest) largest = id
  }
  return [Number(least), Number(largest)]
}

/** @throws ArgumentError for another layout; `where` names who asks. */
export function requirePadded(batch: { layout: string }, where: string): void {
  if (batch.layout === 'padded') return
  throw new ArgumentError(
    'BATCH_LAYOUT',
    `${where}: expected a batch of the layout 'padded', got '${batch.layout}'; make it with toBatch`,
  )
}

function unfit(expected: string, got: readonly number[]): ShapeError {
  return new ShapeError('BATCH_SHAPE', `forward: expected ${expected}, got [${got.join(', ')}]`, { got })
}
