import { FormatError } from '../errors.ts'
import type { ProblemType } from '../metrics/task-metrics.ts'
import type { Task } from './examples.ts'
import { nearest } from './nearest.ts'

/** Which columns of a file hold what: for tokens and prompts too, `text` is what is given and `label` what is to be learned. */
export interface Columns {
  text: string
  pair: string | undefined
  label: string | undefined
}

/** Columns that the user names; null for `pairColumn` takes a file that has a pair for one that has none. */
export interface NamedColumns {
  /** Of the text, the tokens or the prompt; a number from 1 in conll files. */
  textColumn?: string | undefined
  pairColumn?: string | null | undefined
  /** Of the label, the tokens' labels or the completion(s); a number from 1 in conll files. */
  labelColumn?: string | undefined
}

/** What the labels of a file are. */
export type LabelKind = ProblemType | Exclude<Task, 'text-classification'>

/** Column names that go together, first match first: [text, pair] or [text]. Letter case is no matter. */
const textColumns: readonly (readonly [string, string?])[] = [
  ['text', 'pair'],
  ['text', 'text_pair'],
  ['text1', 'text2'],
  ['text_a', 'text_b'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['premise', 'hypothesis'],
  ['question', 'sentence'],
  ['text'],
  ['sentence'],
  ['content'],
  ['body'],
  ['review'],
  ['comment'],
  ['message'],
  ['document'],
]
const inputColumns: Partial<Record<LabelKind, readonly (readonly [string])[]>> = {
  'token-classification': [['tokens'], ['words']],
  'text-generation': [['prompt'], ['input'], ['source'], ['mr'], ['text']],
}
const classColumns = ['label', 'labels', 'class', 'category', 'target', 'gold_label', 'is_duplicate', 'sentiment']
const scoreColumns = ['score', 'label', 'labels', 'target', 'rating']
const targetColumns: Record<LabelKind, readonly string[]> = {
  'single-label': classColumns,
  'multi-label': classColumns,
  regression: scoreColumns,
  'token-classification': ['labels', 'tags', 'ner_tags', 'pos_tags', 'label'],
  'text-generation': ['completion', 'completions', 'references', 'target', 'output', 'ref'],
}

/**
 * Finds the columns of a file among its names.
 *
 * @param label whether a label is asked for.
 * @throws FormatError listing the names that are there and the nearest one, where a column is missing.
 */
export function findColumns(
  file: string,
  names: readonly string[],
  named: NamedColumns,
  kind: LabelKind,
  label: boolean,
): Columns {
  const [text, pair] = findTexts(file, names, named, inputColumns[kind] ?? textColumns)
  if (!label) return { text, pair, label: undefined }
  const candidates = targetColumns[kind]
  const taken = names.filter(name => name !== text && name !== pair)
  const found =
    named.labelColumn === undefined ? pick(taken, candidates) : exact(file, names, named.labelColumn, 'labelColumn')
  if (found === undefined) throw missing(file, names, candidates, 'labelColumn')
  return { text, pair, label: found }
}

function findTexts(
  file: string,
  names: readonly string[],
  named: NamedColumns,
  usual: readonly (readonly [string, string?])[],
): [string, string | undefined] {
  const pair = typeof named.pairColumn === 'string' ? exact(file, names, named.pairColumn, 'pairColumn') : undefined
  if (named.textColumn !== undefined) return [exact(file, names, named.textColumn, 'textColumn'), pair]
  for (const [first, second] of usual) {
    const text = pick(names, [first])
    const other = second === undefined ? undefined : pick(names, [second])
    if (text === undefined || (second !== undefined && other === undefined)) continue
    return [text, pair ?? (named.pairColumn === null ? undefined : other)]
  }
  throw missing(file, names, [...new Set(usual.map(([text]) => text))], 'textColumn')
}

function pick(names: readonly string[], candidates: readonly string[]): string | undefined {
  for (const candidate of candidates) {
    const found = names.find(name => name.toLowerCase() === candidate)
    if (found !== undefined) return found
  }
  return undefined
}

function exact(file: string, names: readonly string[], wanted: string, option: string): string {
  if (names.includes(wanted)) return wanted
  throw missing(file, names, [wanted], option)
}

function missing(file: string, names: readonly string[], wanted: readonly string[], option: string): FormatError {
  const near = wanted.map(name => nearest(name, names)).find(name => name !== undefined)
  const advice =
    near === undefined
      ? `name the column with ${option} (or all with columns, where there is no header)`
      : `if '${near}' is meant, name it with ${option}`
  return new FormatError(
    'DATA_COLUMNS',
    `${file}: expected a column ${wanted.join(', ')}, got ${names.join(', ').slice(0, 200) || 'no columns'}; ${advice}`,
    { file, columns: names, wanted, nearest: near },
  )
}
