/** Start and end of a token in its text, in UTF-16 code units: `text.slice(start, end)` is what the token stands for. */
export type Offsets = [start: number, end: number]

const astral = /[\ud800-\udbff][\udc00-\udfff]/

/**
 * Changes offsets that count code points, as the tokenizer library's do, into UTF-16 code units, in place. A lone
 * surrogate counts one: the library reads it as U+FFFD.
 */
export function toCodeUnits(offsets: readonly Offsets[], text: string): void {
  if (!astral.test(text)) return
  const units = unitsBefore(text)
  for (const pair of offsets) {
    pair[0] = units[pair[0]]!
    pair[1] = units[pair[1]]!
  }
}

/** For each code point, and for the end, the number of code units before it. */
function unitsBefore(text: string): Uint32Array {
  const units = new Uint32Array(text.length + 1)
  let points = 0
  let position = 0
  for (const point of text) {
    units[points] = position
    points += 1
    position += point.length
  }
  units[points] = position
  return units.subarray(0, points + 1)
}
