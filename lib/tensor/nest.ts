/** Nested arrays of numbers, booleans or bigints, as deep as the tensor has dimensions. */
export type Nested = number | boolean | bigint | Nested[]

interface Flat<V> {
  readonly length: number
  readonly [index: number]: V
}

/** Flat elements, row by row, to arrays nested by `shape`. */
export function nest<V>(
  flat: Flat<V>,
  shape: readonly number[],
  convert: (value: V) => number | boolean | bigint,
): Nested {
  let position = 0
  const build = (dimension: number): Nested => {
    if (dimension === shape.length) return convert(flat[position++] as V)
    const size = shape[dimension] as number
    const rows: Nested[] = new Array(size)
    for (let i = 0; i < size; i++) rows[i] = build(dimension + 1)
    return rows
  }
  return build(0)
}
