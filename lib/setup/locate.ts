import { readFileSync, type Stats, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from '../errors.ts'

/** The value of an environment variable, where an empty one counts as not set. */
export function environment(name: string): string | undefined {
  return process.env[name] || undefined
}

let root: string | undefined

/** The package's own folder: the one with the package.json of bidora-torch, from `lib` as from `dist`. */
export function packageRoot(): string {
  if (root !== undefined) return root
  const here = dirname(fileURLToPath(import.meta.url))
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (isFile(file) && readPackage(file).name === 'bidora-torch') return (root = folder)
  }
  throw new SetupError(
    'PACKAGE_INCOMPLETE',
    `set-up: expected the package.json of bidora-torch above ${here}, got none; install the package again`,
    { here },
  )
}

/** The version in the package's own package.json. */
export function packageVersion(): string {
  return readPackage(join(packageRoot(), 'package.json')).version
}

/** Whether the package is a checkout of its repository (tests, lock file) and not an installed copy. */
export function isCheckout(): boolean {
  return isFile(join(packageRoot(), 'package-lock.json')) && isFile(join(packageRoot(), 'test', 'tsconfig.json'))
}

/**
 * The cache for libtorch, built addons, models and data sets: `BIDORA_TORCH_CACHE`, else `bidora-torch` in
 * `XDG_CACHE_HOME`, else in `~/.cache`. Nothing outside it and the package's folder is ever written.
 */
export function cacheRoot(): string {
  const own = environment('BIDORA_TORCH_CACHE')
  if (own !== undefined) return resolve(own)
  const xdg = environment('XDG_CACHE_HOME')
  // The XDG rule: a relative path there is invalid and ignored.
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'bidora-torch')
}

/** Whether a path is a file (links followed); false for everything that cannot be looked at. */
export function isFile(path: string): boolean {
  return look(path)?.isFile() ?? false
}

/** Whether a path is a folder (links followed). */
export function isFolder(path: string): boolean {
  return look(path)?.isDirectory() ?? false
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

function readPackage(file: string): { name: string; version: string } {
  return JSON.parse(readFileSync(file, 'utf8'))
}
