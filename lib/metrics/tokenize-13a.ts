/** White space as Python's `str.split` and its `\s` have it; a pattern for use in a class. */
export const PYTHON_SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
/** White space as Perl's `\s` has it in texts of Unicode. */
export const PERL_SPACE = '\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'

const pythonEnd = new RegExp(`[${PYTHON_SPACE}]+$`, 'u')
const pythonGaps = new RegExp(`[${PYTHON_SPACE}]+`, 'u')

/**
 * The words of a text as sacrebleu's default tokenizer (13a) finds them: that of NIST's mteval-v13a, case kept.
 * Punctuation stands by itself, but for points and commas between digits, and for `-` and `'` within words.
 */
export function tokens13a(text: string): string[] {
  const joined = text.replace(pythonEnd, '').replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  return splitAt(punctuate(joined), pythonGaps)
}

/** The rules of mteval-v13a for entities and punctuation, on a text whose lines are joined: spaces come between words. */
export function punctuate(text: string): string {
  const plain = text.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
  return (
    ` ${plain} `
      // All ASCII that is no letter, digit, apostrophe, comma, minus or point; the space is among it too.
      .replace(/[ -&(-+/:-@[-`{-~]/gu, ' $& ')
      .replace(/([^0-9])([.,])/gu, '$1 $2 ')
      .replace(/([.,])([^0-9])/gu, ' $1 $2')
      .replace(/([0-9])(-)/gu, '$1 $2 ')
  )
}

/** The parts between gaps, none of them empty. */
export function splitAt(text: string, gaps: RegExp): string[] {
  return text.split(gaps).filter(part => part !== '')
}
