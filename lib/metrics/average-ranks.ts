/**
 * Ranks from 1, equal numbers sharing the mean of their ranks (scipy's `rankdata`, method 'average'). Numbers are
 * expected to be free of NaN.
 */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const numbers = Float64Array.from(values)
  const order = Array.from(numbers.keys()).sort((i, j) =>
    numbers[i]! < numbers[j]! ? -1 : numbers[i]! > numbers[j]! ? 1 : 0,
  )
  const ranks = new Float64Array(numbers.length)
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && numbers[order[end]!] === numbers[order[start]!]) end++
    // Positions start + 1 to end, whose mean is (start + 1 + end) / 2.
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2
    start = end
  }
  return ranks
}
