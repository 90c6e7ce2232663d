import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder for the files of one `describe`, removed after it. */
export function temporaryFolder(): {
  write: (name: string, content: string | Uint8Array) => string
  path: (name?: string) => string
} {
  let root: string | undefined
  const path = (name = '') => {
    root ??= mkdtempSync(join(tmpdir(), 'bidora-data-'))
    return join(root, name)
  }
  after(() => {
    if (root !== undefined) rmSync(root, { recursive: true, force: true })
  })
  return {
    path,
    write(name, content) {
      mkdirSync(dirname(path(name)), { recursive: true })
      writeFileSync(path(name), content)
      return path(name)
    },
  }
}

/** All that an async iterable gives. */
export async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const row of rows) list.push(row)
  return list
}
