/** Linear algebra in plain numbers: what the truths of this folder are made of, with nothing of the library in it. */
export type Matrix = readonly (readonly number[])[]

export const dot = (x: readonly number[], y: readonly number[]): number =>
  x.reduce((total, value, i) => total + value * y[i]!, 0)

export const times = (matrix: Matrix, x: readonly number[]): number[] => matrix.map(row => dot(row, x))

/** The solution of `matrix x = right`, by elimination with pivots. */
export function solveLinear(matrix: Matrix, right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  const size = rows.length
  for (let column = 0; column < size; column++) {
    const candidates = rows.map((row, i) => (i < column ? -1 : Math.abs(row[column]!)))
    const pivot = candidates.indexOf(Math.max(...candidates))
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    for (let i = column + 1; i < size; i++) {
      const factor = rows[i]![column]! / rows[column]![column]!
      for (let k = column; k <= size; k++) rows[i]![k]! -= factor * rows[column]![k]!
    }
  }
  const x = new Array<number>(size).fill(0)
  for (let i = size - 1; i >= 0; i--) x[i] = (rows[i]![size]! - dot(rows[i]!.slice(0, size), x)) / rows[i]![i]!
  return x
}

/** A source of normal numbers that is the same everywhere (mulberry32, Box-Muller). */
export function normals(seed: number): () => number {
  let state = seed
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return (((bits ^ (bits >>> 14)) >>> 0) + 0.5) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
