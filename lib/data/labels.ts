import { DataError } from '../errors.ts'
import type { ProblemType } from '../metrics/task-metrics.ts'
import { type Example, type Label, show } from './examples.ts'
import { hint } from './nearest.ts'

/** The names of the classes in the order of their indices, as a model's config saves them. */
export interface LabelSet {
  labels: readonly string[]
  id2label: Record<string, string>
  label2id: Record<string, number>
}

/**
 * A label set from names, in their order.
 *
 * @throws DataError where a name is empty or given twice, or there are none.
 */
export function labelSet(names: readonly string[], where = 'labels'): LabelSet {
  const bad = names.find(
    (name, index) => typeof name !== 'string' || name.trim() === '' || names.indexOf(name) !== index,
  )
  if (names.length === 0 || bad !== undefined) {
    throw new DataError(
      'DATA_LABELS',
      `${where}: expected different, non-empty names, got ${show(names)}; name each class once`,
      { labels: names },
    )
  }
  return {
    labels: [...names],
    id2label: Object.fromEntries(names.map((name, index) => [String(index), name])),
    label2id: Object.fromEntries(names.map((name, index) => [name, index])),
  }
}

/**
 * The label names that occur in examples, sorted: by number where all are whole numbers, else by UTF-16 code unit (never
 * by locale, so that the order is the same everywhere).
 */
export function findLabels(examples: readonly Example[]): string[] {
  const names = new Set<string>()
  for (const { label } of examples) for (const name of namesOf(label)) names.add(String(name))
  const found = [...names]
  return found.every(isWhole) ? found.sort((x, y) => Number(x) - Number(y)) : found.sort()
}

/**
 * The label set of a training: the names given, or those found in the training rows.
 *
 * @throws DataError where there is one class only, or a row's label is not among the given names.
 */
export function prepareLabels(
  examples: readonly Example[],
  options: { problemType: ProblemType; labels?: readonly string[] | undefined; where?: string | undefined },
): LabelSet {
  const { problemType, labels, where = 'examples' } = options
  const found = findLabels(examples)
  if (found.length === 0) {
    throw new DataError(
      'DATA_NO_LABELS',
      `${where}: expected labels, got none in ${examples.length} rows; label some rows`,
      { where },
    )
  }
  const set = labelSet(labels ?? found)
  if (problemType === 'single-label') {
    if (new Set(encodeLabels(examples, set, where)).size < 2) {
      throw new DataError(
        'DATA_ONE_CLASS',
        `${where}: expected at least two classes, got only '${found[0]}' in ${examples.length} rows; add rows of another class`,
        { where, labels: found },
      )
    }
  } else if (problemType === 'multi-label') indexLabels(examples, set, where)
  return set
}

/**
 * Labels as numbers: the class index, or for an array of names a row of zeros and ones, one entry a label.
 *
 * @throws DataError naming every label that the set lacks and the first row that has it.
 */
export function encodeLabels(examples: readonly Example[], set: LabelSet, where = 'examples'): (number | number[])[] {
  const indices = indexLabels(examples, set, where)
  return examples.map(({ label }, row) =>
    Array.isArray(label) ? set.labels.map((_, index) => (indices[row]!.includes(index) ? 1 : 0)) : indices[row]![0]!,
  )
}

/** The indices of each example's names. */
function indexLabels(examples: readonly Example[], set: LabelSet, where: string): number[][] {
  const unknown = new Map<string, number>()
  const encoded = examples.map(({ label }, row) =>
    namesOf(label).map(name => {
      const index = labelIndex(set, name)
      if (index === undefined && !unknown.has(String(name))) unknown.set(String(name), row)
      return index ?? -1
    }),
  )
  if (unknown.size > 0) {
    const [[name, row], ...others] = [...unknown] as [[string, number], ...[string, number][]]
    throw unknownLabel(
      `${where}[${row}]`,
      name,
      set,
      others.map(([other]) => other),
    )
  }
  return encoded
}

function namesOf(label: Label): readonly (string | number)[] {
  return Array.isArray(label) ? (label as readonly string[]) : [label as string | number]
}

/**
 * The index of one label, undefined where the set has no such one. A name is looked up first; a whole number (also as
 * text, as files give it) is an index where no name of the set is a whole number itself.
 */
export function labelIndex(set: LabelSet, label: string | number): number | undefined {
  const name = String(label)
  if (Object.hasOwn(set.label2id, name)) return set.label2id[name]
  const index = isWhole(name) && !set.labels.some(isWhole) ? Number(name) : -1
  return index >= 0 && index < set.labels.length ? index : undefined
}

/** The first name or index of a label that the set lacks. */
export function firstUnknown(set: LabelSet, label: Label): string | undefined {
  const name = namesOf(label).find(each => labelIndex(set, each) === undefined)
  return name === undefined ? undefined : String(name)
}

/** The error for a label that is not in the set. */
export function unknownLabel(where: string, name: string, set: LabelSet, others: readonly string[] = []): DataError {
  const shown = set.labels.slice(0, 10).join(', ') + (set.labels.length > 10 ? `, ... (${set.labels.length})` : '')
  const more = others.length > 0 ? ` (and '${others.slice(0, 5).join("', '")}' elsewhere)` : ''
  return new DataError(
    'DATA_UNKNOWN_LABEL',
    `${where}: expected one of the labels ${shown}, got '${name}'${hint(name, set.labels)}${more}; correct the row or name the label`,
    { where, label: name, labels: set.labels, others },
  )
}

function isWhole(name: string): boolean {
  return /^(0|[1-9]\d{0,14})$/.test(name)
}
