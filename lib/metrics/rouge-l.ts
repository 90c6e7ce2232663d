import { porterStem } from './porter-stem.ts'
import { mean } from './sum.ts'
import { type TextReferences, wordPairs } from './text-pairs.ts'

export interface RougeOptions {
  /** Whether words of more than three letters are compared by their stems; not unless told, as in the package. */
  stemmer?: boolean | undefined
}

/**
 * ROUGE-L, as the Python package rouge-score has it: the F-measure of the longest common subsequence of words,
 *
 *   F = 2 P R / (P + R),  P = common / words predicted,  R = common / words of the reference
 *
 * of each text with the reference that it is highest with, and the mean over all texts. Words are runs of a to z and
 * digits, in lower case; everything else separates. Without a word on either side F is 0.
 *
 * @throws ArgumentError on lists of different lengths, empty lists, a prediction without a reference, what is no text.
 */
export function rougeL(
  predictions: readonly string[],
  references: TextReferences,
  { stemmer = false }: RougeOptions = {},
): number {
  const pairs = wordPairs('rougeL', predictions, references, text => rougeWords(text, stemmer))
  return mean(pairs.map(pair => Math.max(...pair.references.map(reference => fMeasure(pair.words, reference)))))
}

function rougeWords(text: string, stemmer: boolean): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return stemmer ? words.map(word => (word.length > 3 ? porterStem(word) : word)) : words
}

function fMeasure(predicted: readonly string[], reference: readonly string[]): number {
  if (predicted.length === 0 || reference.length === 0) return 0
  const common = commonLength(predicted, reference)
  const [precision, recall] = [common / predicted.length, common / reference.length]
  return common === 0 ? 0 : (2 * precision * recall) / (precision + recall)
}

/** Length of the longest common subsequence, row by row. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  const row = new Int32Array(b.length + 1)
  for (const word of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!)
      diagonal = above
    }
  }
  return row.at(-1)!
}
