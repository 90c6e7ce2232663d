import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SetupError } from '../errors.ts'
import { cacheRoot } from './locate.ts'

const beat = 5_000 // ms between two signs of life of a holder
const silence = 60_000 // ms without one after which a holder on another machine counts as dead

/** This machine's name in a form that can be part of a file name and of an identity. */
const machine = hostname().replace(/[^A-Za-z0-9.-]/g, '-')

/** Names this process: machine, process id and the time it started (ids are used again). */
export function processIdentity(): string {
  return `${machine}_${process.pid}_${startTime(process.pid) ?? 0}`
}

/** Whether the process of an identity may still run. One on another machine is asked by `lastSign`, in ms. */
export function isAlive(identity: string, lastSign: number): boolean {
  const [host, pid, start] = identity.split('_')
  if (host !== machine) return Date.now() - lastSign < silence
  return startTime(Number(pid)) === Number(start)
}

/** Field 22 of /proc/PID/stat; the command's name before it may hold spaces and brackets. */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return undefined
  }
}

/**
 * Runs `work` while no other process of this cache runs work of the same name; waits for one that does. A lock whose
 * holder was killed is taken over. The lock only spares double work: results are placed by rename, so even two
 * holders at once could not leave a half-made one.
 *
 * @param onWait is called once when there is somebody to wait for.
 * @throws SetupError when the cache cannot be written.
 */
export async function withLock<T>(name: string, work: () => Promise<T>, onWait?: () => void): Promise<T> {
  const folder = join(cacheRoot(), 'locks')
  makeFolder(folder)
  const path = join(folder, `${name}.lock`)
  const identity = processIdentity()
  let told = false
  while (!tryLock(path, identity)) {
    breakStale(path)
    if (!told) onWait?.()
    told = true
    await sleep(200)
  }
  const heart = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date())
    } catch {
      // taken away: the work goes on, see above
    }
  }, beat).unref()
  try {
    return await work()
  } finally {
    clearInterval(heart)
    if (holder(path) === identity) rmSync(path, { force: true })
  }
}

/** Makes a folder of the cache, or says in a sentence why that is not possible. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw cacheError(folder, error)
  }
}

/** The sentence for a cache that cannot be written. */
export function cacheError(path: string, error: unknown): SetupError {
  const code = (error as NodeJS.ErrnoException).code
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new SetupError(
    full ? 'DISK_FULL' : 'CACHE_NOT_WRITABLE',
    `set-up: expected to write ${path}, got ${code}; ` +
      (full ? 'free disk space' : 'make the folder writable') +
      ', or name another cache with BIDORA_TORCH_CACHE',
    { path },
    { cause: error },
  )
}

/** Links a file that is complete already: a lock is never seen without its holder's name. */
function tryLock(path: string, identity: string): boolean {
  const own = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`
  try {
    writeFileSync(own, identity)
    linkSync(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw cacheError(path, error)
  } finally {
    rmSync(own, { force: true })
  }
}

function holder(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Moves a dead holder's lock aside first: of several that wait, the rename succeeds for one only. */
function breakStale(path: string): void {
  const identity = holder(path)
  if (identity === undefined) return
  const lastSign = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
  if (isAlive(identity, lastSign)) return
  const aside = `${path}.stale-${process.pid}-${Math.random().toString(36).slice(2)}`
  try {
    renameSync(path, aside)
    rmSync(aside, { force: true })
  } catch {
    // somebody else was faster
  }
}
