import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SetupError } from '../errors.ts'
import { findDriver } from './driver.ts'
import { cacheRoot, environment, isFile, isFolder } from './locate.ts'
import { assertTested, compareVersions, defaultTorch, isTested, release } from './versions.ts'

/** Which set of libraries: without or with what CUDA needs. */
export type Flavour = 'cpu' | 'cuda'

/** A libtorch that can be loaded. */
export interface Libtorch {
  /** The folder with `lib` and `include`. */
  root: string
  /** As the folder states it: `2.15.0+cu132`. An addon is bound to exactly this. */
  version: string
  source: 'LIBTORCH' | 'LIBTORCH_USE_PYTORCH' | 'cache'
  /** Whether libtorch_cuda is there. */
  hasCuda: boolean
  hasHeaders: boolean
}

/**
 * Finds libtorch, in this order: the folder `LIBTORCH`, the torch of the Python on PATH where `LIBTORCH_USE_PYTORCH=1`,
 * the cache. Never fetches.
 *
 * @param options.flavour the set wanted from the cache; without it the CUDA set where a driver answers.
 * @throws SetupError when a variable names something that is not libtorch, or a version that was never tested.
 */
export function findLibtorch(options: { flavour?: Flavour; version?: string } = {}): Libtorch | undefined {
  const found = findNamed() ?? findInCache(options)
  if (found !== undefined) assertTested(found.version, found.root)
  return found
}

/**
 * The same, for those who need one.
 *
 * @throws SetupError that names `npx bidora-torch setup` when there is none.
 */
export function requireLibtorch(): Libtorch {
  const found = findLibtorch()
  if (found !== undefined) return found
  throw new SetupError(
    'LIBTORCH_MISSING',
    `libtorch: expected it in LIBTORCH, in Python's torch (LIBTORCH_USE_PYTORCH=1) or in ${cacheRoot()}, got none; ` +
      'run `npx bidora-torch setup`',
    { cache: cacheRoot() },
  )
}

/** The folder of the cache that holds one set. */
export function setFolder(version: string, flavour: Flavour): string {
  return join(cacheRoot(), 'libtorch', `${version}-${flavour}`)
}

/** The file that remembers the version of the last `setup --torch VERSION`. */
export function selectionFile(): string {
  return join(cacheRoot(), 'libtorch', 'selected')
}

/**
 * The release to look for in the cache or to fetch: `BIDORA_TORCH_VERSION`, else the one chosen by
 * `setup --torch`, else the default, else the newest tested one that the cache has.
 */
export function wantedVersion(): string {
  const asked = environment('BIDORA_TORCH_VERSION')
  if (asked !== undefined) return asked
  if (isFile(selectionFile())) return readFileSync(selectionFile(), 'utf8').trim()
  const sets = cachedSets()
  if (sets.includes(defaultTorch)) return defaultTorch
  return sets.filter(isTested).sort(compareVersions).at(-1) ?? defaultTorch
}

function cachedSets(): string[] {
  const folder = join(cacheRoot(), 'libtorch')
  if (!isFolder(folder)) return []
  return readdirSync(folder).flatMap(name => /^(.+)-(?:cpu|cuda)$/.exec(name)?.[1] ?? [])
}

function findNamed(): Libtorch | undefined {
  const folder = environment('LIBTORCH')
  if (folder !== undefined) return readLibtorch(resolve(folder), 'LIBTORCH')
  if (environment('LIBTORCH_USE_PYTORCH') === '1') return readLibtorch(pythonTorch(), 'LIBTORCH_USE_PYTORCH')
  return undefined
}

function findInCache(options: { flavour?: Flavour; version?: string }): Libtorch | undefined {
  const version = options.version ?? wantedVersion()
  const wanted = options.flavour ?? (findDriver() === undefined ? 'cpu' : 'cuda')
  // A CUDA set runs on the CPU too; a CPU set is no answer to somebody who asked for CUDA by name.
  const order: Flavour[] = wanted === 'cpu' ? ['cpu', 'cuda'] : options.flavour === 'cuda' ? ['cuda'] : ['cuda', 'cpu']
  const flavour = order.find(one => isFolder(setFolder(version, one)))
  return flavour === undefined ? undefined : readLibtorch(join(setFolder(version, flavour), 'torch'), 'cache')
}

/** Asks Python where torch is without importing it: an import takes seconds and may fail for reasons of its own. */
function pythonTorch(): string {
  const question = 'import importlib.util as u; s = u.find_spec("torch"); print(s.origin if s else "")'
  const answer = spawnSync('python3', ['-c', question], { encoding: 'utf8' })
  const origin = answer.status === 0 ? answer.stdout.trim() : ''
  if (origin !== '') return dirname(origin)
  throw new SetupError(
    'LIBTORCH_MISSING',
    'LIBTORCH_USE_PYTORCH: expected a python3 on PATH that has torch, got ' +
      `${answer.error === undefined ? 'one without it' : 'no python3'}; ` +
      'activate that environment, or unset LIBTORCH_USE_PYTORCH and run `npx bidora-torch setup`',
  )
}

function readLibtorch(root: string, source: Libtorch['source']): Libtorch {
  const missing = ['libc10.so', 'libtorch_cpu.so'].filter(name => !isFile(join(root, 'lib', name)))
  const version = missing.length === 0 ? readVersion(root) : undefined
  if (version === undefined) {
    throw new SetupError(
      'LIBTORCH_INVALID',
      `${source}: expected a libtorch folder, got ${root}, which lacks ` +
        `${missing.length > 0 ? missing.map(name => `lib/${name}`).join(' and ') : 'its version (version.py or build-version)'}; ` +
        (source === 'cache' ? 'remove that folder and run `npx bidora-torch setup`' : `correct or unset ${source}`),
      { root, missing },
    )
  }
  return {
    root,
    version,
    source,
    hasCuda: isFile(join(root, 'lib', 'libtorch_cuda.so')),
    hasHeaders: isFile(join(root, 'include', 'ATen', 'ATen.h')),
  }
}

/** A wheel has version.py, the zip archive build-version. */
function readVersion(root: string): string | undefined {
  const [python, archive] = [join(root, 'version.py'), join(root, 'build-version')]
  const version = isFile(python)
    ? /^__version__ = '([^']+)'/m.exec(readFileSync(python, 'utf8'))?.[1]
    : isFile(archive)
      ? readFileSync(archive, 'utf8').trim()
      : undefined
  return version !== undefined && /^\d+\.\d+/.test(release(version)) ? version : undefined
}
