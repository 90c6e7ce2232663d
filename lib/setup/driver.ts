import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** An NVIDIA driver that answers, and how it was found. */
export interface Driver {
  version?: string
  foundBy: string
}

/**
 * Looks for a running NVIDIA driver without libtorch. A libcuda.so.1 alone does not count: images for later use on a
 * device carry one with no driver behind it.
 *
 * @param options.probe also asks nvidia-smi, which takes up to a second.
 */
export function findDriver(options: { probe?: boolean } = {}): Driver | undefined {
  const proc = '/proc/driver/nvidia/version'
  if (existsSync(proc)) {
    const version = /(\d+\.\d+(?:\.\d+)?)/.exec(readFileSync(proc, 'utf8'))?.[1]
    return version === undefined ? { foundBy: proc } : { version, foundBy: proc }
  }
  if (existsSync('/dev/nvidiactl')) return { foundBy: '/dev/nvidiactl' }
  if (existsSync('/dev/dxg') && existsSync('/usr/lib/wsl/lib/libcuda.so.1')) return { foundBy: '/dev/dxg' }
  if (options.probe !== true) return undefined
  const answer = spawnSync('nvidia-smi', ['--query-gpu=driver_version', '--format=csv,noheader'], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  const version = answer.status === 0 ? /^\d+\.\d+\S*/.exec(answer.stdout)?.[0] : undefined
  return version === undefined ? undefined : { version, foundBy: 'nvidia-smi' }
}
