import type { MagnitudeAxis } from '../adapters/index.ts'
import {
  abs,
  div,
  eq,
  logicalOr,
  maskedFill,
  mean,
  mul,
  narrow,
  ne,
  square,
  sub,
  sum,
  unsqueeze,
} from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { type Decomposition, decompose, type StoredWeight, sumLines } from './decompose.ts'
import type { WeightChange } from './types.ts'

/**
 * The change of a weight in magnitude and in direction, of every line n along an axis (`method.md` 2.5, as in DoRA):
 *
 *     magnitudeChange = mean_n |m[n] - m0[n]|
 *     directionChange = mean_n (1 - cos(V[n], W0[n])) = mean_n 1/2 || V[n]/||V[n]|| - W0[n]/||W0[n]|| ||^2
 *
 * The second form loses no digits where the directions are close, and is exactly 0 where they are equal. All is float64.
 *
 * @param before weight to measure from, `[out, in]`
 * @param after weight of the same shape
 */
export function weightChange(before: StoredWeight, after: StoredWeight, axis: MagnitudeAxis): WeightChange {
  return scope(() => {
    const [from, to] = [decompose(before, axis), decompose(after, axis)]
    const [unit0, unit] = [unitRows(from, axis), unitRows(to, axis)]
    const squares = sumLines(from.shape, axis, (begin, end) => square(sub(unit(begin, end), unit0(begin, end))))
    const [isZero0, isZero] = [eq(from.norms, 0), eq(to.norms, 0)]
    // A line that is zero in one weight alone has no direction in common with itself: cos = 0.
    const turned = maskedFill(mul(squares, 0.5), ne(isZero0, isZero), 1) // [lines]
    return {
      lines: from.magnitude.shape[0]!,
      magnitudeChange: numberOf(mean(abs(sub(to.magnitude, from.magnitude)))),
      directionChange: numberOf(mean(turned)),
      meanMagnitude: numberOf(mean(from.magnitude)),
      zeroLines: numberOf(sum(logicalOr(isZero0, isZero))),
    }
  })
}

/** Rows of the weight whose lines are divided by their norms; a zero line stays zero. */
function unitRows({ norms, rows }: Decomposition, axis: MagnitudeAxis): Decomposition['rows'] {
  const divisor = maskedFill(norms, eq(norms, 0), 1) // [lines]
  return (begin, end) =>
    div(rows(begin, end), axis === 'out' ? unsqueeze(narrow(divisor, 0, begin, end - begin), 1) : unsqueeze(divisor, 0))
}

function numberOf(x: Tensor): number {
  return Number(x.item())
}
