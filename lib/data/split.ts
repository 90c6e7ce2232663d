import { ArgumentError, DataError } from '../errors.ts'
import { Random, shuffle } from './random.ts'

/** Indices of the two parts of a split, each in ascending order; together they are all indices. */
export interface Split {
  first: number[]
  second: number[]
}

/** How a split is made. */
export interface SplitOptions {
  /** Rows of the first part, exactly. */
  size: number
  seed: number
  /** Keeps splits of one seed for different purposes apart. */
  stream?: string | undefined
  /** Rows that are not to be in the first part (as far as the others suffice). */
  second?: ReadonlySet<number> | undefined
}

/**
 * Splits rows at random, keeping the share of each class: class c of n_c rows gives n_c * size / n of them to the first
 * part, rounded by largest remainders so that the sizes are exact. A class with at least two rows has one in each part
 * where the sizes allow it. Same keys, size and seed: same split.
 *
 * @param keys the class of each row, or null for rows without classes (numbers, several labels).
 * @throws ArgumentError where the size is no whole number from 0 to the number of rows.
 */
export function stratifiedSplit(keys: readonly (string | number | null)[], options: SplitOptions): Split {
  const { size } = options
  if (!Number.isInteger(size) || size < 0 || size > keys.length) {
    throw new ArgumentError(
      'DATA_SPLIT',
      `split: expected a size from 0 to ${keys.length} (the rows), got ${String(size)}; ask for fewer rows`,
      { size, rows: keys.length },
    )
  }
  const random = new Random(options.seed, 'split', options.stream ?? '')
  const groups = new Map<string | number | null, number[]>()
  keys.forEach((key, index) => {
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [index])
    else group.push(index)
  })
  const members = [...groups.values()]
  const counts = members.map(group => group.length)
  const shares = apportion(counts, size)
  const first: number[] = []
  const second: number[] = []
  members.forEach((group, i) => {
    const order = shuffle(group, random)
    const fixed = options.second
    if (fixed !== undefined) order.sort((x, y) => Number(fixed.has(x)) - Number(fixed.has(y))) // stable
    for (const [rank, index] of order.entries()) (rank < shares[i]! ? first : second).push(index)
  })
  const ascending = (x: number, y: number) => x - y
  return { first: first.sort(ascending), second: second.sort(ascending) }
}

/** Whole numbers near counts * size / n that add up to `size`, each class on both sides where it can be. */
function apportion(counts: readonly number[], size: number): number[] {
  const rows = counts.reduce((total, count) => total + count, 0)
  const bounds = counts.map(count => (count > 1 ? { least: 1, most: count - 1 } : { least: 0, most: count }))
  // count * size is exact below 2^53.
  const shares = counts.map((count, i) => clamp(Math.floor((count * size) / rows), bounds[i]!.least, bounds[i]!.most))
  const owed = (i: number) => (counts[i]! * size) / rows - shares[i]!
  for (let left = size - shares.reduce((total, share) => total + share, 0); left !== 0; left -= Math.sign(left)) {
    const step = Math.sign(left)
    const open = counts.map((_, i) => i).filter(i => within(shares[i]! + step, bounds[i]!))
    // Where the bounds leave no room (more classes than rows in a part), only emptiness and fullness limit.
    const candidates =
      open.length > 0
        ? open
        : counts.map((_, i) => i).filter(i => within(shares[i]! + step, { least: 0, most: counts[i]! }))
    const chosen = candidates.reduce((best, i) => (step * owed(i) > step * owed(best) ? i : best))
    shares[chosen]! += step
  }
  return shares
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

function within(value: number, bounds: { least: number; most: number }): boolean {
  return value >= bounds.least && value <= bounds.most
}

/** Rows of the lower level: `lowerFraction` of all, rounded. */
export function lowerCount(rows: number, lowerFraction: number): number {
  return Math.round(rows * lowerFraction)
}

/**
 * Refuses too few rows for two levels: each needs at least `perLevel` (1 unless told; the number of classes, say, for one
 * row of each). The error names the least number of rows that would do.
 *
 * @throws DataError where a level would have fewer.
 */
export function assertEnoughForTwoLevels(
  rows: number,
  options: { lowerFraction: number; perLevel?: number | undefined; where?: string | undefined },
): void {
  const { lowerFraction, perLevel = 1, where = 'examples' } = options
  if (!(lowerFraction > 0 && lowerFraction < 1)) {
    throw new ArgumentError(
      'DATA_SPLIT',
      `${where}: expected a lowerFraction between 0 and 1, got ${String(lowerFraction)}; 0.8 is usual`,
      { lowerFraction },
    )
  }
  const enough = (count: number) => {
    const lower = lowerCount(count, lowerFraction)
    return lower >= perLevel && count - lower >= perLevel
  }
  if (enough(rows)) return
  // Near the answer already, because a lowerFraction close to 0 or 1 asks for very many rows.
  let least = Math.max(rows + 1, Math.floor((perLevel - 0.5) / Math.min(lowerFraction, 1 - lowerFraction)) - 1)
  while (!enough(least)) least++
  throw new DataError(
    'DATA_TOO_FEW',
    `${where}: expected at least ${least} rows (${perLevel} for each level at lowerFraction ${lowerFraction}), got ${rows}; ` +
      'add rows or train with a method of one level (lora, dora)',
    { rows, least, lowerFraction, perLevel },
  )
}
