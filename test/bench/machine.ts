import { spawnSync } from 'node:child_process'
import { arch, cpus } from 'node:os'
import { libtorchVersion } from '../../lib/torch.ts'
import { root } from '../parity/golden.ts'

/** What a result was measured with. */
export interface Machine {
  cpu: string | undefined
  cores: number
  arch: string
  node: string
  libtorch: string
  threads: number
  /** Short hash of the commit, with a + where files differ from it; absent outside a repository. */
  commit?: string
  /** Versions of Python's packages, once a peer has run. */
  python?: Record<string, string>
}

export function machineOf(threads: number): Machine {
  const commit = commitOf()
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    arch: arch(),
    node: process.version,
    libtorch: libtorchVersion(),
    threads,
    ...(commit === undefined ? {} : { commit }),
  }
}

function commitOf(): string | undefined {
  const hash = git('rev-parse', '--short', 'HEAD')
  if (hash === undefined) return undefined
  const changed = git('status', '--porcelain', '--', 'lib', 'native', 'CMakeLists.txt')
  return changed === '' ? hash : `${hash}+`
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}
