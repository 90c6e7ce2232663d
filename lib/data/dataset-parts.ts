import { DataError } from '../errors.ts'
import type { DatasetOptions, PartName } from './dataset.ts'
import { type Folder, fileIn } from './dataset-folder.ts'
import type { ExampleOf, Task } from './examples.ts'

/** A part: the first of the alternatives whose files are all there is read, its files one after the other. */
export interface PartFiles<F extends { name: string }> {
  /** Examples of the official part. */
  rows: number
  alternatives: readonly (readonly F[])[]
}

/** What was read of one part. Rows left out count among the `rows`. */
export interface LoadedPart<E> {
  examples: E[]
  rows: number
  warnings: readonly string[]
}

/** Which parts there are, and what they hold. */
export interface LoadedParts<T extends Task> {
  parts: Partial<Record<PartName, ExampleOf[T][]>>
  missing: Partial<Record<PartName, string>>
  partial: boolean
  warnings: string[]
}

/**
 * Reads those parts of a data set whose files are in its folder.
 *
 * @param options.spare parts without which the data set is whole all the same.
 * @throws DataError where the folder holds none of them.
 */
export async function loadParts<T extends Task, F extends { name: string }>(
  name: string,
  folder: Folder,
  parts: Partial<Record<PartName, PartFiles<F>>>,
  load: (files: readonly F[], part: PartFiles<F>) => Promise<LoadedPart<ExampleOf[T]>>,
  options: { spare?: readonly PartName[] | undefined } = {},
): Promise<LoadedParts<T>> {
  const result: LoadedParts<T> = { parts: {}, missing: {}, partial: false, warnings: [] }
  for (const [part, asked] of Object.entries(parts) as [PartName, PartFiles<F>][]) {
    const files = asked.alternatives.find(each => each.every(file => fileIn(folder, file.name) !== undefined))
    if (files === undefined) {
      result.missing[part] = fileNames(asked)
      continue
    }
    const { examples, rows, warnings } = await load(files, asked)
    result.parts[part] = examples
    result.warnings.push(...warnings)
    if (rows >= asked.rows) continue
    result.partial = true
    const names = files.map(file => file.name).join(' and ')
    result.warnings.push(`${name}: ${names} holds ${rows} of the official ${asked.rows} rows`)
  }
  if (Object.keys(result.parts).length === 0) {
    const wanted = result.missing.train ?? Object.values(result.missing)[0]
    throw new DataError(
      'DATA_FOLDER',
      `${folder.path}: expected files of ${name} (${wanted}), got ${folder.names.slice(0, 8).join(', ') || 'none'}; put them there`,
      { folder: folder.path, name },
    )
  }
  for (const [part, file] of Object.entries(result.missing) as [PartName, string][]) {
    if (options.spare?.includes(part)) continue
    result.partial = true
    result.warnings.push(`${name}: no ${part} part in ${folder.path} (${file})`)
  }
  return result
}

/** Few rows of a data set's own files are malformed; where many are, it is another file. */
export function tolerated(part: { rows: number }, options: DatasetOptions): number {
  return options.malformed === 'error' ? 0 : Math.max(10, part.rows / 1000)
}

/** `a and b (or c)` */
function fileNames(part: PartFiles<{ name: string }>): string {
  const [first, ...others] = part.alternatives.map(files => files.map(file => file.name).join(' and '))
  return first + others.map(other => ` (or ${other})`).join('')
}
