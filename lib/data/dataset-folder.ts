import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DataError } from '../errors.ts'
import { fileFault } from '../io/file-fault.ts'

/** A folder and the names in it. */
export interface Folder {
  path: string
  names: readonly string[]
}

/**
 * The folder of a data set inside the folder of data sets. Letter case, `-` and `_` are no matter: `sst2`, `SST-2`.
 *
 * @param others further names that the folder may have.
 * @throws DataError where there is none.
 */
export async function findFolder(dir: string, name: string, ...others: readonly string[]): Promise<Folder> {
  const plain = (text: string) => text.replaceAll(/[-_]/g, '').toLowerCase()
  const names = await list(dir)
  const known = [name, ...others].map(plain)
  const matching = names.filter(each => known.includes(plain(each))).sort()
  const found = matching.includes(name) ? name : matching[0]
  if (found !== undefined) {
    const path = join(dir, found)
    return { path, names: await list(path) }
  }
  const inside = known.includes(plain(basename(dir)))
  throw new DataError(
    'DATA_FOLDER',
    `${dir}: expected a folder ${name} in it, got none; ${inside ? 'give the folder above it' : 'put the data set there'}`,
    { dir, name },
  )
}

/** The path of a file in a folder, plain or with `.gz` after its name; undefined where it is not there. */
export function fileIn(folder: Folder, name: string): string | undefined {
  const found = [name, `${name}.gz`].find(each => folder.names.includes(each))
  return found === undefined ? undefined : join(folder.path, found)
}

async function list(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    throw fileFault(path, 'a folder of data sets', error)
  }
}
