import { DataError } from '../errors.ts'
import { show, type TokenExample } from './examples.ts'
import type { RowReading } from './file-examples.ts'
import { labelIndex, unknownLabel } from './labels.ts'

/**
 * A row of a file as words and their labels. Indices become names where the label names are known.
 *
 * @throws DataError where there are no words, an empty one, or another number of labels than words.
 */
export function takeTokens(
  where: string,
  values: Readonly<Record<string, unknown>>,
  reading: RowReading,
): TokenExample {
  const { columns, set } = reading
  const tokens = checkTokens(where, values[columns.text], columns.text)
  if (columns.label === undefined) return { tokens } as unknown as TokenExample
  const given = values[columns.label]
  if (!Array.isArray(given))
    throw fault(where, `'${columns.label}' to be a list of labels`, show(given), 'give one a token')
  const labels = (given as unknown[]).map((label, at) => {
    if (typeof label !== 'string' && !Number.isSafeInteger(label)) {
      throw fault(where, `${columns.label}[${at}] to be the name of a label`, show(label), 'name it')
    }
    // Whether a name is one of the set is seen once its tag is BIO2 (tag-reading.ts).
    const index = set === undefined ? undefined : labelIndex(set, label as string | number)
    if (index !== undefined) return set!.labels[index]!
    if (typeof label === 'string' && label !== '') return label
    if (set !== undefined) throw unknownLabel(`${where}: ${columns.label}[${at}]`, String(label), set)
    throw fault(
      where,
      `${columns.label}[${at}] to be the name of a label`,
      show(label),
      'name it, or give labels: the names by index',
    )
  })
  if (labels.length !== tokens.length) {
    throw fault(where, `a label for each of the ${tokens.length} tokens`, String(labels.length), 'give one a token')
  }
  return { tokens, labels }
}

/** Words that are strings with more than white space in them, at least one. */
export function checkTokens(where: string, value: unknown, name = 'tokens'): readonly string[] {
  if (!Array.isArray(value))
    throw fault(where, `'${name}' to be a list of words`, show(value), 'split the text into words')
  if (value.length === 0) throw fault(where, `'${name}' to hold words`, 'none', 'remove the row')
  const at = (value as unknown[]).findIndex(token => typeof token !== 'string' || token.trim() === '')
  if (at >= 0) throw fault(where, `${name}[${at}] to be a word`, show(value[at]), 'remove the token and its label')
  return value as readonly string[]
}

function fault(where: string, expected: string, got: string, advice: string): DataError {
  return new DataError('DATA_TOKENS', `${where}: expected ${expected}, got ${got}; ${advice}`, { where })
}
