import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * Writes a file aside, flushes it to the disk and renames it into place: whoever reads `path` finds the old content or
 * all of the new, after a crash too. `content` is the text or bytes, or a function that writes to the open file.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array | ((file: number) => void)): void {
  const target = resolve(path)
  mkdirSync(dirname(target), { recursive: true })
  const aside = temporaryName(target)
  const file = openSync(aside, 'wx')
  try {
    try {
      if (typeof content === 'function') content(file)
      else writeAll(file, typeof content === 'string' ? Buffer.from(content, 'utf8') : content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(aside, target)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
  flushFolder(dirname(target))
}

/**
 * Fills a folder aside and renames it into place, so that a folder at `path` is always whole. One that is there already
 * is replaced at the end. Returns what `fill` returns; where `fill` throws, nothing has changed.
 */
export function writeFolderAtomic<T>(path: string, fill: (folder: string) => T): T {
  const target = resolve(path)
  mkdirSync(dirname(target), { recursive: true })
  const aside = temporaryName(target)
  mkdirSync(aside)
  try {
    const result = fill(aside)
    flushFolder(aside)
    if (existsSync(target)) {
      // Two renames: a crash between them leaves no folder at `path`, never a mixed one.
      const old = temporaryName(target)
      renameSync(target, old)
      renameSync(aside, target)
      rmSync(old, { recursive: true, force: true })
    } else {
      renameSync(aside, target)
    }
    flushFolder(dirname(target))
    return result
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    throw error
  }
}

/**
 * Removes what interrupted writers of `writeFileAtomic` and `writeFolderAtomic` left in a folder. Call it only where no
 * other process writes there. Returns how many were removed.
 */
export function removeLeftovers(folder: string): number {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return 0
  const left = readdirSync(folder).filter(name => leftover.test(name))
  for (const name of left) rmSync(join(folder, name), { recursive: true, force: true })
  return left.length
}

/** Writes all bytes: one write may take fewer than it was given. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, maximumWrite))
  }
}

const maximumWrite = 1 << 30 // Linux writes at most 2 GiB at once
const leftover = /^\..*\.[0-9a-f]{12}\.partial$/

/** A new name in the same folder; random, because several threads of one process may write. */
function temporaryName(target: string): string {
  return join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.partial`)
}

/** A rename survives a power cut only once the folder itself is flushed. */
function flushFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
