import { type TextReferences, type WordPair, wordPairs } from './text-pairs.ts'
import { PERL_SPACE, PYTHON_SPACE, punctuate, splitAt } from './tokenize-13a.ts'

/** Which of the E2E challenge's two implementations of BLEU and NIST. */
export interface MtevalOptions {
  /**
   * `perl`: mteval-v13a as adapted for the challenge, which its script runs unless told otherwise (default).
   * `python`: its translation, run with `-p`, which differs in what is stated at each metric.
   */
  mteval?: 'perl' | 'python' | undefined
}

const perlGaps = new RegExp(`[${PERL_SPACE}]+`, 'u')
const pythonGaps = new RegExp(`[${PYTHON_SPACE}]+`, 'gu')

/** Lower-cased words as either implementation finds them. */
export function mtevalPairs(
  where: string,
  predictions: readonly string[],
  references: TextReferences,
  mteval: MtevalOptions['mteval'],
): WordPair[] {
  return wordPairs(where, predictions, references, mteval === 'python' ? pythonWords : perlWords)
}

/** Lines break words, and only A to Z are lowered. */
function perlWords(text: string): string[] {
  const lowered = punctuate(text.replaceAll('<skipped>', '')).replace(/[A-Z]/g, letter => letter.toLowerCase())
  return splitAt(lowered, perlGaps)
}

/** A text without a word is one empty word there, and every letter is lowered. */
function pythonWords(text: string): string[] {
  const joined = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  return punctuate(joined)
    .replace(pythonGaps, ' ')
    .replace(/^ | $/g, '')
    .split(' ')
    .map(word => word.toLowerCase())
}
