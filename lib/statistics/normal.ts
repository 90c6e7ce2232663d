/**
 * Upper tail of the standard normal distribution, P(Z > z), to a few units in the last place: near the middle the power
 * series of the error function, outside the continued fraction of its complement (Abramowitz and Stegun 7.1.6 and 7.1.14).
 */
export function normalTail(z: number): number {
  if (Number.isNaN(z)) return Number.NaN
  const x = Math.abs(z) / Math.SQRT2
  const tail = x < 2 ? (1 - errorFunction(x)) / 2 : complement(x) / 2
  return z >= 0 ? tail : 1 - tail
}

/** erf(x) = 2 / sqrt(pi) exp(-x^2) sum over n of 2^n x^(2n + 1) / (1 3 5 ... (2n + 1)), all terms positive. */
function errorFunction(x: number): number {
  let term = x
  let total = x
  for (let n = 1; term > total * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}

/** erfc(x) = exp(-x^2) / sqrt(pi) * 1 / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...))), from the inside out. */
function complement(x: number): number {
  let fraction = x
  for (let n = 200; n > 0; n--) fraction = x + n / 2 / fraction
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction)
}
