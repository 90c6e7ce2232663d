/** Sum of finite numbers with the rounding errors carried along (Neumaier), so that the order of the terms is no matter. */
export function sum(values: ArrayLike<number>): number {
  let total = 0
  let lost = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    const next = total + value
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total
    total = next
  }
  // A total that is infinite or NaN has no lost part: inf - inf above would turn it into NaN.
  return Number.isFinite(total) ? total + lost : total
}

/** Arithmetic mean of at least one number. */
export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length
}
