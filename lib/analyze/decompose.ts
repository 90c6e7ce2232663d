import type { MagnitudeAxis } from '../adapters/index.ts'
import {
  abs,
  add,
  addmm,
  cat,
  div,
  eq,
  le,
  linalgVectorNorm,
  logicalOr,
  maskedFill,
  mul,
  narrow,
  sqrt,
  square,
  sub,
  sum,
  to,
  unsqueeze,
  where,
} from '../ops/index.ts'
import { type DType, scope, type Tensor } from '../tensor/index.ts'

// Legend: lines are the rows of a weight with axis 'out' and its columns with axis 'in'; each has a magnitude.

/** A weight as it is stored, `[out, in]`: plain, with a low-rank part, or with a magnitude on top. */
export interface StoredWeight {
  weight: Tensor
  lowRank?: { loraA: Tensor; loraB: Tensor; scaling: number } | undefined
  magnitude?: { values: Tensor; axis: MagnitudeAxis } | undefined
}

/** A weight as magnitudes and lines, in float64. The lines are made in blocks of rows, where they are wanted. */
export interface Decomposition {
  readonly shape: readonly [out: number, width: number]
  /** `[lines]` */
  readonly magnitude: Tensor
  /** Norms of the lines of `rows`, `[lines]`: the lines have the direction of the weight's, not always its length. */
  readonly norms: Tensor
  /** `[end - begin, in]` */
  rows(begin: number, end: number): Tensor
}

/** So many numbers of a weight are in memory at once, as float64 (32 MiB a copy). */
const blockSize = 1 << 22

/**
 * Splits a weight into magnitude and direction along an axis.
 *
 * Where the weight has magnitudes m of its own on that axis, they are the magnitudes, and the directions are those of
 * `V = weight + scaling * loraB loraA`; else both are taken from the weight that the layer computes with, which is V, or
 * `m * V / ||V||` with the norm along the axis of m.
 */
export function decompose(stored: StoredWeight, axis: MagnitudeAxis): Decomposition {
  const shape = stored.weight.shape as [number, number]
  const rows = rowsOf(stored)
  const { magnitude } = stored
  if (!magnitude) {
    const norms = lineNorms(rows, shape, axis)
    return { shape, magnitude: norms, norms, rows }
  }
  const ownNorms = lineNorms(rows, shape, magnitude.axis)
  const own = settled(stored.weight, magnitude)
  // A zero line stays zero, whatever its magnitude: such is the merged weight.
  const isZero = eq(ownNorms, 0)
  if (magnitude.axis === axis) return { shape, magnitude: maskedFill(own, isZero, 0), norms: ownNorms, rows }

  const gain = div(own, maskedFill(ownNorms, isZero, 1)) // [lines of the magnitude's axis]
  const scaled = (begin: number, end: number) =>
    mul(
      rows(begin, end),
      magnitude.axis === 'out' ? unsqueeze(narrow(gain, 0, begin, end - begin), 1) : unsqueeze(gain, 0),
    )
  const norms = lineNorms(scaled, shape, axis)
  return { shape, magnitude: norms, norms, rows: scaled }
}

/** Rows of `weight + scaling * loraB loraA`. */
function rowsOf({ weight, lowRank }: StoredWeight): Decomposition['rows'] {
  const plain = (begin: number, end: number) => wide(narrow(weight, 0, begin, end - begin))
  if (!lowRank) return plain
  const [A, B] = [wide(lowRank.loraA), wide(lowRank.loraB)]
  return (begin, end) => addmm(plain(begin, end), narrow(B, 0, begin, end - begin), A, { alpha: lowRank.scaling }) // [rows, in]
}

/** L2 norms of the lines, `[lines]`. */
function lineNorms(rows: Decomposition['rows'], shape: readonly [number, number], axis: MagnitudeAxis): Tensor {
  return sqrt(sumLines(shape, axis, (begin, end) => square(rows(begin, end))))
}

/**
 * Sums the numbers of every line, block by block.
 *
 * @param block the numbers of some rows, `[end - begin, in]`; freed when they are summed
 * @returns `[lines]`
 */
export function sumLines(
  [out, width]: readonly [number, number],
  axis: MagnitudeAxis,
  block: (begin: number, end: number) => Tensor,
): Tensor {
  const step = Math.max(1, Math.floor(blockSize / width))
  const starts = Array.from({ length: Math.ceil(out / step) }, (_, index) => index * step)
  const sums = starts.map(begin =>
    scope(() => sum(block(begin, Math.min(out, begin + step)), { dim: [axis === 'out' ? 1 : 0] })),
  )
  // A block of rows holds whole lines with axis 'out', a part of every line with 'in'.
  return axis === 'out' ? cat(sums) : sums.reduce((all, next) => add(all, next))
}

/**
 * How far a stored magnitude may be from the norm it started as and still count as not moved: 4 units in the last place of
 * its type, for norms that were summed in another order.
 */
const stillOf: Partial<Record<DType, number>> = {
  float64: 4 * 2 ** -52,
  float32: 4 * 2 ** -23,
  float16: 4 * 2 ** -10,
  bfloat16: 4 * 2 ** -7,
}

/**
 * The magnitudes in float64. One that still is the norm of the frozen weight, as it was rounded when the training began,
 * becomes that norm unrounded: a layer that has not moved then shows no change at all, instead of the rounding.
 */
function settled(weight: Tensor, { values, axis }: NonNullable<StoredWeight['magnitude']>): Tensor {
  const shape = weight.shape as [number, number]
  const dim = [axis === 'out' ? 1 : 0]
  const exact = lineNorms(rowsOf({ weight }), shape, axis)
  const start = wide(linalgVectorNorm(weight, { dim, dtype: values.dtype === 'float64' ? 'float64' : 'float32' }))
  const own = wide(values)
  const reach = mul(exact, stillOf[values.dtype] ?? 0)
  // Summed one after the other, as here, or in pieces, as elsewhere, which comes nearer to the exact norm.
  const isStill = logicalOr(le(abs(sub(own, start)), reach), le(abs(sub(own, exact)), reach))
  return where(isStill, exact, own)
}

function wide(x: Tensor): Tensor {
  return x.dtype === 'float64' ? x : to(x, { dtype: 'float64' })
}
