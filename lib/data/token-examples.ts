import { DataError } from '../errors.ts'
import { checkText, isRecord, iterate, type Rows, show, type TextInput, type TokenExample } from './examples.ts'
import { type LabelSet, labelIndex, labelSet, unknownLabel } from './labels.ts'
import { guessScheme } from './tag-reading.ts'
import { areEntityTags, entitiesOf, toBio2, toIobes } from './tag-schemes.ts'
import { checkTokens } from './token-row.ts'

/** What tokens are predicted for: words as they are, or a text that is to be split into words. */
export type TaggingInput = { tokens: readonly string[] } | TextInput

/**
 * Reads and checks a user's sentences with their labels.
 *
 * @throws DataError naming the first bad example: no words, an empty one, another number of labels than words, a label
 * that is no name, no examples at all.
 */
export async function collectTokenExamples(
  rows: Rows<unknown>,
  { where = 'examples' }: { where?: string | undefined } = {},
): Promise<TokenExample[]> {
  const examples: TokenExample[] = []
  for await (const row of iterate(rows, where)) {
    const place = `${where}[${examples.length}]`
    if (!isRecord(row)) throw noSentence(place, row)
    const tokens = checkTokens(place, row.tokens)
    const { labels } = row
    if (!Array.isArray(labels)) {
      throw fault(place, "'labels' to be a list of names", show(labels), 'give one for each of the tokens')
    }
    if (labels.length !== tokens.length) {
      throw fault(place, `a label for each of the ${tokens.length} tokens`, String(labels.length), 'give one a token')
    }
    const wrong = (labels as unknown[]).findIndex(label => typeof label !== 'string' || label === '')
    if (wrong >= 0) throw fault(place, `labels[${wrong}] to be the name of a label`, show(labels[wrong]), 'name it')
    examples.push({ tokens, labels: labels as string[] })
  }
  if (examples.length > 0) return examples
  throw new DataError('DATA_EMPTY', `${where}: expected examples, got none; pass at least one`, { where })
}

/**
 * Reads and checks what is to be tagged: texts, `{ text }`, lists of words or `{ tokens }`.
 *
 * @throws DataError naming the first bad input.
 */
export async function collectTaggingInputs(rows: Rows<unknown>, where = 'inputs'): Promise<TaggingInput[]> {
  const inputs: TaggingInput[] = []
  for await (const row of iterate(rows, where)) {
    const place = `${where}[${inputs.length}]`
    if (typeof row === 'string') inputs.push({ text: checkText(place, row) })
    else if (Array.isArray(row)) inputs.push({ tokens: checkTokens(place, row) })
    else if (!isRecord(row)) throw noSentence(place, row)
    else if (row.tokens !== undefined) inputs.push({ tokens: checkTokens(place, row.tokens) })
    else if (row.pair === undefined) inputs.push({ text: checkText(place, row.text) })
    else throw fault(place, 'one text', 'a pair', 'tag each text by itself')
  }
  return inputs
}

/**
 * The label set of a tagging: the names given, or those of the training sentences. Entity tags give `O` and for each type, in
 * order, its `B-` and its `I-`, whether or not the training part has both; other tags (parts of speech) the names found,
 * in order.
 *
 * @throws DataError where there is one class only, or a label is not among the given names.
 */
export function prepareTags(
  examples: readonly TokenExample[],
  { labels, where = 'examples' }: { labels?: readonly string[] | undefined; where?: string | undefined },
): LabelSet {
  const set = labelSet(labels ?? findTags(examples, where))
  const classes = new Set(encodeTags(examples, set, where).flat())
  if (classes.size >= 2) return set
  const [only] = [...classes].map(index => set.labels[index])
  throw new DataError(
    'DATA_ONE_CLASS',
    `${where}: expected at least two classes, got only '${only}' in ${examples.length} sentences; add sentences of another class`,
    { where, labels: set.labels },
  )
}

/** Whether the labels of a set mark entities: then they have types, starts and ends. */
export function marksEntities({ labels }: LabelSet): boolean {
  return areEntityTags(labels)
}

/**
 * Labels of sentences as class indices. Entity tags of any scheme are first turned into that of the set: BIO2, or IOBES
 * where the set has `E-` or `S-`.
 *
 * @throws DataError naming the first label that the set lacks.
 */
export function encodeTags(examples: readonly TokenExample[], set: LabelSet, where = 'examples'): number[][] {
  const convert = marksEntities(set) ? (set.labels.some(label => /^[ES]-/.test(label)) ? toIobes : toBio2) : undefined
  return examples.map(({ labels }, row) => {
    const place = `${where}[${row}].labels`
    return (convert?.(labels, { where: place }) ?? labels).map((label, at) => {
      const index = labelIndex(set, label)
      if (index === undefined) throw unknownLabel(`${place}[${at}]`, label, set)
      return index
    })
  })
}

function findTags(examples: readonly TokenExample[], where: string): string[] {
  if (guessScheme(examples.map(row => ({ row }))) === 'plain') {
    return [...new Set(examples.flatMap(({ labels }) => labels))].sort()
  }
  const types = new Set(
    examples.flatMap(({ labels }, row) =>
      entitiesOf(labels, { where: `${where}[${row}].labels` }).map(({ type }) => type),
    ),
  )
  return ['O', ...[...types].sort().flatMap(type => [`B-${type}`, `I-${type}`])]
}

function noSentence(where: string, row: unknown): DataError {
  return fault(where, 'an object { tokens, labels }', show(row), 'wrap it')
}

function fault(where: string, expected: string, got: string, advice: string): DataError {
  return new DataError('DATA_TOKENS', `${where}: expected ${expected}, got ${got}; ${advice}`, { where })
}
