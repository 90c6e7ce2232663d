import { autocast } from '../autograd/autocast.ts'
import { constantOf, noGrad } from '../autograd/index.ts'
import {
  add,
  addmm,
  detach,
  le,
  linalgVectorNorm,
  maskedFill,
  mm,
  mul,
  sqrt,
  square,
  sum,
  t,
  to,
} from '../ops/index.ts'
import type { DType, Tensor } from '../tensor/index.ts'

// Legend: V = weight + scaling * loraB loraA. Its lines are the vectors that are normalised: the rows of V with axis
// 'out', its columns with axis 'in'. lines = out or in, width = the other one.

/** One magnitude per output (DoRA, PEFT: rows are normalised) or per input (the letter of the BiDoRA paper: columns). */
export type MagnitudeAxis = 'in' | 'out'

/** What the direction of an adapted layer is made of. */
export interface DirectionLayer {
  /** Pretrained weight, `[out, in]`; frozen where it requires no gradient. */
  weight: Tensor
  /** `[rank, in]` */
  loraA: Tensor
  /** `[out, rank]` */
  loraB: Tensor
  scaling: number
  magnitudeAxis: MagnitudeAxis
  /** Take the norm for a constant in `bidoraLinear` and `mergedWeight`, as PEFT does. Default false. */
  detachNorm?: boolean | undefined
}

/** A line of V whose squared norm is below this part of the weight's is zero but for rounding. */
const roundingOf: Partial<Record<DType, number>> = { float64: 2e-15, float32: 1e-6, bfloat16: 4e-3, float16: 5e-4 }

/** The type that norms are computed in: never narrower than float32. */
export function wideType({ weight }: { weight: Tensor }): DType {
  return weight.dtype === 'float64' ? 'float64' : 'float32'
}

export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : to(x, { dtype })
}

/** The lines of V, told by tensors of `rank` columns: V V^T (over lines) = weight weight^T + cross lines^T + lines cross^T. */
export interface LowRankTerms {
  /** `[lines, rank]` */
  cross: Tensor
  /** loraB, or loraA transposed: `[lines, rank]` */
  lines: Tensor
  /** What the low-rank part adds to each squared norm: `[lines]` */
  added: Tensor
  /** Squared norms of the lines of V, `[lines]`; rounding can make one negative. */
  squares: Tensor
  /** Which lines are zero: bool `[lines]` */
  zero: Tensor
}

/**
 * With R the factor that has a row per line (axis 'out': loraB; 'in': loraA^T), Q the Gram matrix of the other factor
 * and P the weight times the other factor (`method.md` 1.6 and 1.4; R Q R^T is split evenly between both terms):
 *
 *     cross   = s P + s^2/2 R Q
 *     added   = 2 rowsum(cross * R)
 *     squares = ||weight line||^2 + added
 *
 * The largest thing made here is `[lines, rank]`; the weight's own norms are computed once. Autocast is off here.
 */
export function lowRankTerms(layer: DirectionLayer): LowRankTerms {
  return autocast(undefined, () => termsOf(layer))
}

function termsOf(layer: DirectionLayer): LowRankTerms {
  const { weight, scaling } = layer
  const wide = wideType(layer)
  const isOut = layer.magnitudeAxis === 'out'
  const [lines, other, rows] = isOut ? [layer.loraB, t(layer.loraA), weight] : [t(layer.loraA), layer.loraB, t(weight)]
  const R = cast(lines, wide) // [lines, rank]
  const K = cast(other, wide) // [width, rank]
  const P = cast(mm(rows, cast(other, weight.dtype)), wide) // [lines, rank]
  const cross = addmm(P, R, mm(t(K), K), { beta: scaling, alpha: (scaling * scaling) / 2 }) // [lines, rank]
  const added = mul(sum(mul(cross, R), { dim: [1] }), 2) // [lines]
  const base = baseSquares(layer)
  const squares = add(base, added)
  const floor = constantOf(weight, `floor ${layer.magnitudeAxis}`, () =>
    mul(detach(base), roundingOf[weight.dtype] ?? 0),
  )
  return { cross, lines: R, added, squares, zero: le(squares, floor) }
}

/** Squared norms of the weight's own lines, `[lines]`. */
export function baseSquares(layer: DirectionLayer): Tensor {
  const { weight, magnitudeAxis } = layer
  return constantOf(weight, `squares ${magnitudeAxis}`, () =>
    square(linalgVectorNorm(weight, { dim: [magnitudeAxis === 'out' ? 1 : 0], dtype: wideType(layer) })),
  )
}

/**
 * `||weight + scaling * loraB loraA||_2` of every line, without forming the product. A zero line has norm 0 and gives no
 * gradient, in no order. The result can be differentiated twice; `detachNorm` does not matter here.
 *
 * @returns `[out]` for axis 'out', `[in]` for axis 'in'; float64 for a float64 weight, else float32
 *
 * @example
 * const magnitude = directionNorm({ weight, loraA, loraB, scaling: 2, magnitudeAxis: 'out' })
 */
export function directionNorm(layer: DirectionLayer): Tensor {
  const { squares, zero } = lowRankTerms(layer)
  // The inner fill keeps sqrt away from 0, where its derivative is infinite and 0 * infinity would be NaN.
  return maskedFill(sqrt(maskedFill(squares, zero, 1)), zero, 0)
}

/** `magnitude / norm` of every line, 0 for a zero line; the norm is a constant where the layer says so. */
export function gainOf(layer: DirectionLayer & { magnitude: Tensor }): Tensor {
  const norm = () => {
    const { squares, zero } = lowRankTerms(layer)
    return sqrt(maskedFill(squares, zero, Number.POSITIVE_INFINITY)) // anything / infinity = 0, in its derivatives too
  }
  // Stop-gradient: DoRA 4.3 takes the norm for a constant to save memory; PEFT does so always.
  return layer.magnitude.div(layer.detachNorm ? noGrad(norm) : norm())
}
