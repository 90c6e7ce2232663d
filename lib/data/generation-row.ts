import { DataError } from '../errors.ts'
import { checkText, type GenerationExample } from './examples.ts'
import type { RowReading } from './file-examples.ts'

/**
 * A row of a file as a prompt and its completion, or its completions where the column holds a list.
 *
 * @throws DataError for a prompt or a completion that is no text.
 */
export function takeGeneration(
  where: string,
  values: Readonly<Record<string, unknown>>,
  { columns }: RowReading,
): GenerationExample {
  const prompt = checkText(where, values[columns.text], columns.text)
  if (columns.label === undefined) return { prompt } as GenerationExample
  const value = values[columns.label]
  if (!Array.isArray(value)) return { prompt, completion: checkText(where, value, columns.label) }
  if (value.length > 0) {
    return { prompt, completions: value.map((text, at) => checkText(where, text, `${columns.label}[${at}]`)) }
  }
  throw new DataError(
    'DATA_TEXT',
    `${where}: expected '${columns.label}' to hold texts, got an empty list; give one at least or remove the row`,
    { where },
  )
}
