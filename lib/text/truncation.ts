import { ArgumentError } from '../errors.ts'

/** Which text of a pair is cut; `false`: none, however long it is. */
export type Truncation = 'longest_first' | 'only_first' | 'only_second' | false

/** The end of a text that is cut off. */
export type Side = 'left' | 'right'

/** How many of the encoded texts lost tokens; to be reported to the user. */
export interface TruncationReport {
  texts: number
  truncated: number
  /** Tokens of the longest text before any cut, special tokens included. */
  longest: number
}

/** Counts the texts that were cut. */
export function truncationReport(encoded: readonly { length: number; truncated: boolean }[]): TruncationReport {
  const report = { texts: encoded.length, truncated: 0, longest: 0 }
  for (const { length, truncated } of encoded) {
    if (truncated) report.truncated += 1
    report.longest = Math.max(report.longest, length)
  }
  return report
}

/**
 * How many tokens each text keeps where both together may have `room`, by the rules of the Rust library. `second` is
 * null where there is no pair.
 *
 * The library's own truncation is not used: it is a setting shared by all calls that run at once, it says nothing about
 * how much was lost, and of two long texts it keeps every combination of cut-off parts (gigabytes for two of 1 MB).
 */
export function keptLengths(
  first: number,
  second: number | null,
  room: number,
  truncation: Truncation,
  where: string,
): [first: number, second: number] {
  const excess = first + (second ?? 0) - room
  if (truncation === false || excess <= 0) return [first, second ?? 0]
  if (truncation === 'longest_first') return second === null ? [room, 0] : balanced(first, second, room)
  if (truncation === 'only_second' && second === null) {
    throw new ArgumentError(
      'text-truncation',
      `${where}: expected a pair to cut the second text of, got a single text of ${first} tokens where ${room} fit; use truncation 'longest_first'`,
      { first, room },
    )
  }
  const [name, length] = truncation === 'only_first' ? ['first', first] : ['second', second ?? 0]
  if (length <= excess) {
    throw new ArgumentError(
      'text-truncation',
      `${where}: expected a ${name} text longer than the ${excess} tokens to be cut, got ${length} tokens; raise maxLength or use truncation 'longest_first'`,
      { first, second, room },
    )
  }
  return truncation === 'only_first' ? [first - excess, second ?? 0] : [first, (second ?? 0) - excess]
}

/** The longer text is cut down to the shorter one's length, then both to half of the room; an odd token goes to the longer. */
function balanced(first: number, second: number, room: number): [number, number] {
  const shorter = Math.min(first, second)
  const longer = Math.max(shorter, room - shorter)
  const half = Math.floor(room / 2)
  const [low, high] = shorter + longer > room ? [half, room - half] : [shorter, longer]
  return first > second ? [high, low] : [low, high]
}
