import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Libtorch } from './find-libtorch.ts'
import { cacheRoot, packageRoot, packageVersion } from './locate.ts'

/** What a built addon is bound to, as written beside it. */
export interface AddonManifest {
  key: string
  packageVersion: string
  /** Hash of the native sources and their build file. */
  sources: string
  /** The libtorch it was built for, as that states it: `2.15.0+cu132`. */
  torch: string
  cxx11Abi: 0 | 1
  arch: string
  napi: number
}

/** Node-API version of the addon. */
export const napiVersion = 8

/** What an addon of this package for this libtorch would be bound to. */
export function manifestFor(libtorch: Libtorch): AddonManifest {
  const parts = {
    packageVersion: packageVersion(),
    sources: hashSources(),
    torch: libtorch.version,
    cxx11Abi: cxx11Abi(libtorch.root),
    arch: process.arch,
    napi: napiVersion,
  }
  const key = `${parts.packageVersion}-torch${parts.torch}-abi${parts.cxx11Abi}-${parts.arch}-napi${parts.napi}-${parts.sources}`
  return { key, ...parts }
}

/** The folder of the cache for one built addon. */
export function addonFolder(key: string): string {
  return join(cacheRoot(), 'addon', key)
}

/** The sentence that the build puts into bidora.node (CMakeLists.txt), looked for before the file is mapped. */
export function builtFor(torch: string): string {
  return `bidora-torch built for libtorch ${torch};`
}

function hashSources(): string {
  const folder = join(packageRoot(), 'native')
  const hash = createHash('sha256')
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\.(cc|h)$/.test(name))
  for (const path of ['CMakeLists.txt', ...names.sort().map(name => join('native', name))]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(packageRoot(), path)))
      .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

/** Whether libtorch's strings are those of the C++11 ABI: its symbols say so. A wrong guess gives undefined symbols. */
function cxx11Abi(root: string): 0 | 1 {
  return readFileSync(join(root, 'lib', 'libc10.so')).includes('NSt7__cxx1112basic_string') ? 1 : 0
}
