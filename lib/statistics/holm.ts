import { ArgumentError } from '../errors.ts'

/**
 * p-values adjusted for being several, by Holm's step-down procedure (1979): the i-th smallest of m is multiplied by
 * m - i + 1, none is smaller than one before it, none larger than 1. Whatever is below a level after this holds at that
 * level for all of them together, however they depend on each other. Equal to R's `p.adjust(p, 'holm')`.
 *
 * @returns In the order given.
 * @throws ArgumentError for a value outside 0 to 1.
 */
export function holm(pValues: readonly number[]): number[] {
  const wrong = pValues.findIndex(value => !(value >= 0 && value <= 1))
  if (wrong >= 0) {
    throw new ArgumentError(
      'STATISTICS_P_VALUE',
      `holm: expected p-values from 0 to 1, got ${String(pValues[wrong])} at ${wrong}; leave out tests that were not made`,
      { index: wrong, value: pValues[wrong] },
    )
  }
  const order = pValues.map((_, index) => index).sort((i, j) => pValues[i]! - pValues[j]!)
  const adjusted = new Array<number>(pValues.length)
  let largest = 0
  order.forEach((index, place) => {
    largest = Math.max(largest, Math.min(1, pValues[index]! * (pValues.length - place)))
    adjusted[index] = largest
  })
  return adjusted
}
