import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { fileFault } from '../io/file-fault.ts'
import { isJsonObject, type JsonObject, readJsonObject } from '../io/json.ts'
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
  const paths = folder === undefined ? [source] : savedFiles(source as string, folder)
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

function savedFiles(folder: string, names: readonly string[]): string[] {
  if (!names.includes('state.json')) {
    const parts = names.includes('dataset_dict.json')
    throw new FormatError(
      'DATA_SAVED',
      parts
        ? `${folder}: expected one data set, got a folder of several; name one of them (${partNames(folder)})`
        : `${folder}: expected a folder written by save_to_disk (with state.json), got ${names.slice(0, 8).join(', ') || 'an empty one'}; name a file or such a folder`,
      { file: folder, names },
    )
  }
  const path = join(folder, 'state.json')
  const state = readJsonObject(path)
  const files = listIn(path, state, '_data_files', 'objects with a filename', nameOf)
  const indices = ['_indices_data_files', '_indices_files'].flatMap(
    key => listIn(path, state, key, 'objects with a filename', nameOf) ?? [],
  )
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

function partNames(folder: string): string {
  const path = join(folder, 'dataset_dict.json')
  const splits = listIn(path, readJsonObject(path), 'splits', 'names', name =>
    typeof name === 'string' ? name : undefined,
  )
  return (splits ?? []).map(split => join(folder, split)).join(', ')
}

function nameOf(file: unknown): string | undefined {
  return isJsonObject(file) && typeof file.filename === 'string' ? file.filename : undefined
}

/** What `take` finds in each entry of a list of a JSON file; undefined where the key is not there or is null. */
function listIn(
  path: string,
  object: JsonObject,
  key: string,
  expected: string,
  take: (entry: unknown) => string | undefined,
): string[] | undefined {
  const list = object[key] ?? undefined
  if (list === undefined) return undefined
  const taken = Array.isArray(list) ? list.map(take) : [undefined]
  if (taken.every(entry => entry !== undefined)) return taken
  throw new FormatError(
    'DATA_SAVED',
    `${path}: expected ${key} to be a list of ${expected}, got ${JSON.stringify(list).slice(0, 60)}; save the data set again`,
    { file: path, key },
  )
}
