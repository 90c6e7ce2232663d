import { mkdtempSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SetupError } from '../errors.ts'
import { cacheRoot, isFolder } from './locate.ts'
import { cacheError, isAlive, makeFolder, processIdentity, withLock } from './lock.ts'
import type { Progress } from './progress.ts'

/**
 * Makes one folder of the cache, whole or not at all: filled aside on the same file system, then renamed. Others who
 * want the same folder wait; who waited finds it there and does nothing.
 *
 * @param fill gets the empty folder, and a second one for what is not to be kept.
 * @returns whether this call made it.
 */
export async function makeOnce(
  target: string,
  progress: Progress,
  fill: (folder: string, scratch: string) => Promise<void>,
): Promise<boolean> {
  if (isFolder(target)) return false
  const wait = () => progress.line(`set-up: waiting for another set-up that makes ${basename(target)} ...`)
  return withLock(
    basename(target),
    async () => {
      if (isFolder(target)) return false
      await aside(async folder => {
        const [kept, scratch] = [join(folder, 'kept'), join(folder, 'scratch')]
        makeFolder(kept)
        makeFolder(scratch)
        await fill(kept, scratch)
        makeFolder(dirname(target))
        place(kept, target)
      })
      return true
    },
    wait,
  )
}

/** Runs work with a folder of its own in the cache, which is gone afterwards. */
export async function aside<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(cacheRoot(), 'tmp')
  makeFolder(parent)
  sweep(parent)
  let folder: string
  try {
    folder = mkdtempSync(join(parent, `${processIdentity()}_`))
  } catch (error) {
    throw cacheError(parent, error)
  }
  try {
    return await work(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw cacheError(folder, error)
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A folder of the same name that appeared meanwhile is as good as ours: names say what is inside. */
function place(folder: string, target: string): void {
  try {
    renameSync(folder, target)
  } catch (error) {
    if (!isFolder(target)) throw cacheError(target, error)
  }
}

/** Takes away what killed set-ups left. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    const lastSign = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    // Another machine's folder shows no sign of life while it downloads: leave it a day.
    if (!isAlive(name, lastSign + 86_400_000)) rmSync(path, { recursive: true, force: true })
  }
}

/**
 * @throws SetupError when the cache's disk has less than `bytes` left.
 */
export function assertDiskSpace(bytes: number, what: string): void {
  makeFolder(cacheRoot())
  const { bavail, bsize } = statfsSync(cacheRoot())
  const free = bavail * bsize
  if (free >= bytes) return
  const gigabytes = (n: number) => `${(n / 1e9).toFixed(1)} GB`
  throw new SetupError(
    'DISK_FULL',
    `set-up: expected ${gigabytes(bytes)} free for ${what}, got ${gigabytes(free)} in ${cacheRoot()}; ` +
      'free disk space, or name a cache on another disk with BIDORA_TORCH_CACHE',
    { bytes, free },
  )
}

/** The bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}
