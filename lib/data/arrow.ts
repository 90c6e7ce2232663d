import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { fileFault } from '../io/file-fault.ts'
import { type DataSource, readBytes, sourceName } from './bytes.ts'
import { parseFeatures, plainRow } from './features.ts'
import type { NamedRow } from './rows.ts'

/**
 * The rows of an arrow file, or of a folder that Hugging Face's `datasets` wrote with `save_to_disk` (its files one after the
 * other, each whole in memory). `line` is the number of the row, from 1, through all files. Classes come by their names. A
 * byte order mark at the start of a text is lost (the arrow library's decoder).
 *
 * @param from rows to pass over.
 * @throws FormatError where a file is no arrow file or is cut off, and where a folder holds several data sets, or none.
 */
export async function* readArrow(source: DataSource, from = 0): AsyncGenerator<NamedRow> {
  const folder = typeof source === 'string' ? await namesIn(source) : undefined
  const paths = folder === undefined ? [source] : await savedFiles(source as string, folder)
  let line = 0
  for (const path of paths) {
    const table = await readTable(path)
    const features = parseFeatures(table.schema.metadata?.get('huggingface'))
    const columns = table.names.map(name => [String(name), table.getChild(name)] as const)
    for (let row = 0; row < table.numRows; row++) {
      if (++line <= from) continue
      yield {
        line,
        values: plainRow(Object.fromEntries(columns.map(([name, column]) => [name, column.at(row)])), features),
      }
    }
  }
}

async function readTable(path: DataSource) {
  const name = sourceName(path)
  const { tableFromIPC } = await import('@uwdata/flechette')
  const pieces: Uint8Array[] = []
  for await (const piece of readBytes(path)) pieces.push(piece)
  try {
    return tableFromIPC(Uint8Array.from(Buffer.concat(pieces)), { useBigInt: true })
  } catch (error) {
    throw new FormatError(
      'DATA_ARROW',
      `${name}: expected a whole arrow file, got one that cannot be read (${(error as Error).message}); save it again, as parquet maybe (to_parquet)`,
      { file: name },
      { cause: error },
    )
  }
}

/** The names in a folder; undefined where the path is none. */
async function namesIn(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw fileFault(path, 'an arrow file or a saved data set', error)
  }
}

interface State {
  _data_files?: { filename: string }[]
  _indices_data_files?: unknown[] | null
  _indices_files?: unknown[] | null
}

async function savedFiles(folder: string, names: readonly string[]): Promise<string[]> {
  if (!names.includes('state.json')) {
    const parts = names.includes('dataset_dict.json')
    throw new FormatError(
      'DATA_SAVED',
      parts
        ? `${folder}: expected one data set, got a folder of several; name one of them (${await partNames(folder)})`
        : `${folder}: expected a folder written by save_to_disk (with state.json), got ${names.slice(0, 8).join(', ') || 'an empty one'}; name a file or such a folder`,
      { file: folder, names },
    )
  }
  const state = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as State
  const files = state._data_files?.map(({ filename }) => filename)
  const indices = [...(state._indices_data_files ?? []), ...(state._indices_files ?? [])]
  if (files?.every(file => names.includes(file)) && indices.length === 0) {
    return files.map(file => join(folder, file))
  }
  throw new FormatError(
    'DATA_SAVED',
    indices.length > 0
      ? `${folder}: expected rows in their order, got a file of indices beside them; call flatten_indices() and save it again`
      : `${folder}: expected the files of state.json (${files?.join(', ') ?? 'none named'}), got ${names.join(', ').slice(0, 200)}; copy the whole folder`,
    { file: folder, names },
  )
}

async function partNames(folder: string): Promise<string> {
  const { splits } = JSON.parse(await readFile(join(folder, 'dataset_dict.json'), 'utf8')) as { splits?: string[] }
  return (splits ?? []).map(split => join(folder, split)).join(', ')
}
