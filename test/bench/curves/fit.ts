export type Point = readonly [x: number, y: number]

/** `y = sum over powers p of c_p x^p`. */
export interface Fit {
  powers: readonly number[]
  coefficients: readonly number[]
  /** 1 - sum of squared residuals / sum of squares about the mean, of the values themselves. */
  r2: number
  /** The point where it is worst, and how far the value lies above it there, relative to the value. */
  worst: { x: number; error: number }
}

/** Least squares of the relative error, so that small sizes count as much as large ones. */
export function fitPowers(points: readonly Point[], powers: readonly number[]): Fit {
  // Rows of x^p / y against 1.
  const rows = points.map(([x, y]) => powers.map(power => x ** power / y))
  const normal = powers.map((_, i) => powers.map((_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)))
  const right = powers.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0))
  const coefficients = solve(normal, right)
  const at = (x: number) => powers.reduce((sum, power, i) => sum + coefficients[i]! * x ** power, 0)
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const residual = points.reduce((sum, [x, y]) => sum + (y - at(x)) ** 2, 0)
  const spread = points.reduce((sum, [, y]) => sum + (y - mean) ** 2, 0)
  const errors = points.map(([x, y]) => ({ x, error: (y - at(x)) / y }))
  const worst = errors.reduce((most, one) => (Math.abs(one.error) > Math.abs(most.error) ? one : most))
  return { powers, coefficients, r2: 1 - residual / spread, worst }
}

/** Gauss's elimination with pivots, of a handful of equations. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  const size = rows.length
  for (let column = 0; column < size; column++) {
    const rest = rows.slice(column)
    const pivot = rest.reduce((most, row) => (Math.abs(row[column]!) > Math.abs(most[column]!) ? row : most))
    rows[rows.indexOf(pivot)] = rows[column]!
    rows[column] = pivot
    for (const row of rows.slice(column + 1)) {
      const factor = row[column]! / pivot[column]!
      for (let i = column; i <= size; i++) row[i]! -= factor * pivot[i]!
    }
  }
  const solution = new Array<number>(size).fill(0)
  for (let i = size - 1; i >= 0; i--) {
    const known = solution.reduce((sum, value, j) => (j > i ? sum + rows[i]![j]! * value : sum), 0)
    solution[i] = (rows[i]![size]! - known) / rows[i]![i]!
  }
  return solution
}

/** The exponent of `y = c x^p`, by least squares of the logarithms: 1 where doubling x doubles y. */
export function fitPower(points: readonly Point[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const mean = (of: (point: Point) => number) => logs.reduce((sum, point) => sum + of(point), 0) / logs.length
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)]
  return mean(([x, y]) => (x - mx) * (y - my)) / mean(([x]) => (x - mx) ** 2)
}
