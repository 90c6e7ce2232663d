/** A word of a text and where it stands, in UTF-16 code units: `text.slice(start, end)` is the word. */
export interface PlacedWord {
  text: string
  start: number
  end: number
}

/**
 * Letters, marks and digits run together, also over one of - . _ ' ’ between two of them (`e-mail`, `3.5`, `don't`); of
 * everything else that is no white space each character is a word of its own.
 */
const word = /[\p{L}\p{M}\p{N}]+(?:[-._'’][\p{L}\p{M}\p{N}]+)*|[^\s]/gu

/**
 * The words of a plain text, in order. Nothing but white space lies between them.
 *
 * @example splitWords('U.N. official').map(({ text }) => text) // ['U.N', '.', 'official']
 */
export function splitWords(text: string): PlacedWord[] {
  return Array.from(text.matchAll(word), match => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
  }))
}

/** Words joined by single spaces, and where each of them stands in that text. */
export function joinWords(words: readonly string[]): { text: string; words: PlacedWord[] } {
  let start = 0
  const placed = words.map(text => {
    const place = { text, start, end: start + text.length }
    start = place.end + 1
    return place
  })
  return { text: words.join(' '), words: placed }
}
