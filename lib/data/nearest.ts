/**
 * The known name that a mistyped one is nearest to (case, dashes, underscores and spaces aside; two swapped letters are one
 * slip), if one is near.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const swapped = Array.from(name.slice(1), (_, at) => name.slice(0, at) + name[at + 1] + name[at] + name.slice(at + 2))
  const slip = known.find(candidate => swapped.includes(candidate))
  if (slip !== undefined) return slip
  const plain = (word: string) => word.replaceAll(/[-_\s]/g, '').toLowerCase()
  const reach = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))
  const ranked = known
    .map(candidate => ({ candidate, edits: distance(plain(name), plain(candidate)) }))
    .filter(({ edits }) => edits <= reach)
    .sort((x, y) => x.edits - y.edits)
  return ranked[0]?.candidate
}

/** ` (did you mean 'x'?)`, or nothing. */
export function hint(name: string, known: readonly string[]): string {
  const candidate = nearest(name, known)
  return candidate === undefined ? '' : ` (did you mean '${candidate}'?)`
}

/** Letters to insert, remove or replace to turn one word into the other (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
