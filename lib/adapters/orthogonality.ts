import { autocast } from '../autograd/autocast.ts'
import { ArgumentError } from '../errors.ts'
import {
  add,
  detach,
  diagonal,
  dot,
  le,
  maskedFill,
  mean,
  mm,
  mul,
  mv,
  reciprocal,
  sqrt,
  square,
  stack,
  sub,
  sum,
  t,
  unsqueeze,
  zero_,
} from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { constantOf } from '../autograd/index.ts'
import { checkFactors } from './lora.ts'
import { baseSquares, cast, type DirectionLayer, lowRankTerms, wideType } from './norm.ts'

/**
 * The mean over layers of `|| Gram(direction) - I ||_F` (BiDoRA's regulariser as its code has it: not squared;
 * `method.md` 1.4). The Gram matrix is D D^T with axis 'out' and D^T D with axis 'in', D = V / ||V||; a zero line of V
 * is a zero line of D. The norm is part of the graph whatever `detachNorm` says; magnitudes do not enter. Autocast is
 * off here.
 *
 * @returns a scalar, float64 where a layer's weight is, else float32
 * @throws ArgumentError where there is no layer
 *
 * @example
 * const lowerLoss = crossEntropyLoss(logits, labels).add(orthogonality(layers).mul(1e-5))
 */
export function orthogonality(layers: readonly DirectionLayer[]): Tensor {
  if (layers.length === 0)
    throw new ArgumentError(
      'ADAPTER_NONE',
      'orthogonality: expected at least one layer, got none; attach adapters first',
    )
  return autocast(undefined, () => mean(stack(layers.map(gramDistance))))
}

/**
 * The low-rank form: with G the Gram matrix of the weight's lines, its diagonal zeroed, V V^T = G + U off the diagonal,
 * U = Z R^T + R Z^T (Z, R: `cross` and `lines` of `lowRankTerms`), and w = 1 / squares:
 *
 *     ||Gram - I||^2 = w^T (G*G) w  +  4 <wZ, G wR>  +  2 <Z^T wZ, R^T wR> + 2 <M, M^T>  -  sum_i (w_i U_ii)^2
 *     M = Z^T wR,  U_ii = added_i;  every zero line adds 1, the entry -1 of its diagonal
 *
 * G and G*G are constants of the frozen weight; nothing of their size is made afterwards.
 */
function gramDistance(layer: DirectionLayer): Tensor {
  checkFactors('orthogonality', layer)
  const { cross: Z, lines: R, added, squares, zero } = lowRankTerms(layer)
  const w = reciprocal(maskedFill(squares, zero, Number.POSITIVE_INFINITY)) // [lines], 0 for a zero line
  const column = unsqueeze(w, 1) // [lines, 1]
  const wZ = mul(Z, column) // [lines, rank]
  const wR = mul(R, column)
  const M = mm(t(Z), wR) // [rank, rank]

  const own = dot(w, mv(gramSquares(layer), w))
  const both = sum(mul(wZ, timesGram(layer, wR)))
  const lowRank = add(sum(mul(mm(t(Z), wZ), mm(t(R), wR))), sum(mul(M, t(M))))
  const onDiagonal = sum(square(mul(w, added)))
  const total = sub(add(own, mul(add(mul(both, 2), lowRank), 2)), onDiagonal)

  // What is left of terms that cancel but for rounding is zero: the root there has the zero subgradient.
  const floor = mul(detach(add(own, onDiagonal)), w.dtype === 'float64' ? 2e-15 : 1e-6)
  const isOrthogonal = le(total, floor)
  const squared = add(maskedFill(total, isOrthogonal, 0), sum(zero))
  const isZero = le(squared, 0)
  return maskedFill(sqrt(maskedFill(squared, isZero, 1)), isZero, 0)
}

/** The weight with one row per line, in float32 at least: `[lines, width]`. */
function weightLines(layer: DirectionLayer): Tensor {
  const weight = cast(layer.weight, wideType(layer))
  return layer.magnitudeAxis === 'out' ? weight : t(weight)
}

/** G: the Gram matrix of the weight's lines with its diagonal zeroed, `[lines, lines]`. */
function gram(layer: DirectionLayer): Tensor {
  const lines = weightLines(layer)
  const product = mm(lines, t(lines))
  zero_(diagonal(product))
  return product
}

function gramSquares(layer: DirectionLayer): Tensor {
  return constantOf(layer.weight, `gram squares ${layer.magnitudeAxis}`, () => square(gram(layer)))
}

/** G x, for x `[lines, rank]`. */
function timesGram(layer: DirectionLayer, x: Tensor): Tensor {
  const [out, width] = layer.weight.shape as [number, number]
  const [lines, other] = layer.magnitudeAxis === 'out' ? [out, width] : [width, out]
  if (2 * other < lines && layer.weight.dtype === x.dtype) {
    // Two thin products through the weight are then cheaper, and G need not be stored.
    const rows = weightLines(layer)
    return sub(mm(rows, mm(t(rows), x)), mul(unsqueeze(baseSquares(layer), 1), x))
  }
  return mm(
    constantOf(layer.weight, `gram ${layer.magnitudeAxis}`, () => gram(layer)),
    x,
  )
}
