import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BidoraError } from '../errors.ts'
import { isAlive, processIdentity } from '../setup/lock.ts'

/**
 * Claims a folder for this process by a file in it; a claim of a process that is gone is taken over.
 *
 * @param wait Milliseconds to wait for another holder, who may be ending.
 * @returns What gives the claim up.
 * @throws BidoraError where another process holds it.
 */
export async function claim(path: string, wait = 0): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true })
  const identity = processIdentity()
  const until = performance.now() + wait
  for (;;) {
    try {
      writeFileSync(path, identity, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = holderOf(path)
    if (holder !== undefined && !isAlive(holder.identity, holder.since)) rmSync(path, { force: true })
    else if (performance.now() < until) await sleep(50)
    else {
      throw new BidoraError(
        'COMPARE_BUSY',
        `compare: expected an output folder of its own, got ${dirname(path)}, which process ${holder?.identity.split('_')[1] ?? '?'} is at work in; wait for it or give another folder`,
        { folder: dirname(path) },
      )
    }
  }
}

function holderOf(path: string): { identity: string; since: number } | undefined {
  try {
    return { identity: readFileSync(path, 'utf8'), since: statSync(path).mtimeMs }
  } catch {
    return undefined // given up in this moment
  }
}
