import { checkLabel, checkText, type Example, type Label, type TextInput } from './examples.ts'
import type { RowReading } from './file-examples.ts'
import { firstUnknown, type LabelSet, unknownLabel } from './labels.ts'
import { parseScore } from './score.ts'

/**
 * A row of a file as a text or a pair, with its label where the file's columns have one.
 *
 * @throws DataError for a text or a label that is none.
 */
export function takeText(where: string, values: Readonly<Record<string, unknown>>, reading: RowReading): Example {
  const { columns, problemType, set, cells } = reading
  const input: TextInput = { text: checkText(where, values[columns.text], columns.text) }
  if (columns.pair !== undefined) input.pair = checkText(where, values[columns.pair], columns.pair)
  // Where no label is asked for, there is none; who asks for none takes the row for an input.
  if (columns.label === undefined) return input as Example
  const value = values[columns.label]
  const told = cells ? fromCell(where, value as string, reading) : fromJson(value)
  const label = checkLabel(where, told, problemType)
  if (set !== undefined && problemType !== 'regression') refuseUnknown(where, label, set)
  return { ...input, label }
}

/** True and false are names too: `{"label": true}`. */
function fromJson(value: unknown): unknown {
  return typeof value === 'boolean' ? String(value) : value
}

/** What a csv or tsv cell says, as the value that jsonl would hold. */
function fromCell(where: string, cell: string, { problemType, labelSeparator }: RowReading): unknown {
  const trimmed = cell.trim()
  if (problemType === 'multi-label') {
    return trimmed === '' ? [] : trimmed.split(labelSeparator).map(name => name.trim())
  }
  return problemType === 'regression' ? parseScore(where, trimmed) : trimmed
}

function refuseUnknown(where: string, label: Label, set: LabelSet): void {
  const unknown = firstUnknown(set, label)
  if (unknown !== undefined) throw unknownLabel(where, unknown, set)
}
