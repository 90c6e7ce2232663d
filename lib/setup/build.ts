import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, freemem } from 'node:os'
import { dirname, join } from 'node:path'
import { SetupError } from '../errors.ts'
import { type AddonManifest, addonFolder, manifestFor } from './addon-key.ts'
import { makeOnce } from './cache.ts'
import { addonFits } from './find-addon.ts'
import type { Libtorch } from './find-libtorch.ts'
import { isCheckout, isFile, isFolder, packageRoot } from './locate.ts'
import { makeFolder, withLock } from './lock.ts'
import { type Progress, step } from './progress.ts'
import { findProgram, run, tail } from './run.ts'
import { compareVersions } from './versions.ts'

const products = ['preload.node', 'bidora.node']
const bytesPerCompiler = 1.5e9 // what one compiler takes for a file that includes ATen's headers

/**
 * Builds the addon for a libtorch with cmake-js and places it in the cache; does nothing where it is there already.
 * In a checkout the object files are kept under `build/`, so that only changed sources are compiled again.
 *
 * @param options.verbose passes the compiler's own lines on.
 * @returns whether it was built.
 * @throws SetupError naming what is missing: compiler, CMake, make or ninja, headers; or the compiler's last lines.
 */
export async function buildAddon(
  libtorch: Libtorch,
  progress: Progress,
  options: { verbose?: boolean } = {},
): Promise<boolean> {
  const manifest = manifestFor(libtorch)
  const target = addonFolder(manifest.key)
  if (isFolder(target) && !addonFits(target, libtorch)) rmSync(target, { recursive: true })
  const made = await makeOnce(target, progress, async (folder, scratch) => {
    await assertTools(libtorch)
    const build = isCheckout() ? join(packageRoot(), 'build', `${manifest.torch}-abi${manifest.cxx11Abi}`) : scratch
    // Two checkouts' sources never share a build folder, but two set-ups of one checkout may.
    const compile = () => compileAddon(build, libtorch, manifest, progress, options.verbose ?? false)
    await (isCheckout() ? withLock(`build-${manifest.torch}`, compile) : compile())
    for (const name of products) copyFileSync(join(build, 'Release', name), join(folder, name))
    if (!addonFits(folder, libtorch))
      throw new SetupError(
        'BUILD_FAILED',
        `set-up: expected ${build} to hold an addon for libtorch ${manifest.torch}, got another; remove that folder and try again`,
      )
    assertUnchanged(libtorch, manifest)
    writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  })
  if (made && isCheckout()) prune(manifest.key)
  return made
}

async function compileAddon(
  build: string,
  libtorch: Libtorch,
  manifest: AddonManifest,
  progress: Progress,
  verbose: boolean,
): Promise<void> {
  makeFolder(build)
  let last = 'configuring'
  const onLine = (line: string) => {
    const count = /^\[\s*(\d+(?:\/\d+|%))\]/.exec(line)?.[1]
    if (count !== undefined) last = count
    if (verbose) progress.line(line)
  }
  const settings = {
    LIBTORCH: libtorch.root,
    BIDORA_TORCH_FULL: manifest.torch,
    BIDORA_CXX11_ABI: String(manifest.cxx11Abi),
  }
  const cmakeJs = async (command: string) => {
    const args = [cmakeJsPath(), command, '-d', packageRoot(), '-O', build, '-p', String(parallelism())]
    for (const [name, value] of Object.entries(settings)) args.push(`--CD${name}=${value}`)
    const finished = await run(process.execPath, args, { onLine })
    if (finished.status === 0) return
    const output = finished.stdout + finished.stderr
    const errors = output.split('\n').filter(line => /\berror\b|undefined reference|Killed/i.test(line))
    throw new SetupError(
      'BUILD_FAILED',
      `set-up: expected the addon to compile for libtorch ${manifest.torch}, got:\n${errors.slice(0, 10).join('\n') || tail(output)}`,
      { output: tail(output, 200) },
    )
  }
  await step(
    progress,
    `building the addon for libtorch ${manifest.torch}`,
    async () => {
      if (!isConfigured(build, settings)) {
        rmSync(join(build, 'CMakeCache.txt'), { force: true })
        await cmakeJs('configure')
      }
      await cmakeJs('build')
    },
    () => last,
  )
}

/** A build folder remembers its settings; a libtorch that moved needs a new configuration. */
function isConfigured(build: string, settings: Record<string, string>): boolean {
  const cache = join(build, 'CMakeCache.txt')
  if (!isFile(cache)) return false
  const text = readFileSync(cache, 'utf8')
  return Object.entries(settings).every(
    ([name, value]) => new RegExp(`^${name}:\\w+=`, 'm').test(text) && text.includes(`=${value}\n`),
  )
}

function cmakeJsPath(): string {
  const require = createRequire(join(packageRoot(), 'package.json'))
  return join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js')
}

function parallelism(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / bytesPerCompiler)))
}

async function assertTools(libtorch: Libtorch): Promise<void> {
  const need = (code: string, what: string, got: string, remedy: string) =>
    new SetupError(code, `set-up: expected ${what} to build the addon, got ${got}; ${remedy}`)
  const compiler = process.env.CXX || findProgram('c++', 'g++', 'clang++')
  if (compiler === undefined) {
    throw need('COMPILER_MISSING', 'a C++20 compiler on PATH', 'none', 'install one (Debian: apt-get install g++)')
  }
  const cmake = findProgram('cmake')
  if (cmake === undefined) {
    throw need('CMAKE_MISSING', 'CMake 3.18 or later on PATH', 'none', 'install it (Debian: apt-get install cmake)')
  }
  const version = /version (\S+)/.exec((await run(cmake, ['--version'])).stdout)?.[1] ?? '0'
  if (compareVersions(version, '3.18') < 0) {
    throw need('CMAKE_OLD', 'CMake 3.18 or later', version, 'install a newer one (pip install cmake)')
  }
  if (findProgram('ninja', 'make') === undefined) {
    throw need('MAKE_MISSING', 'ninja or make on PATH', 'neither', 'install one (Debian: apt-get install ninja-build)')
  }
  if (!libtorch.hasHeaders) {
    throw need('HEADERS_MISSING', `libtorch's headers in ${libtorch.root}/include`, 'none', 'use a full libtorch')
  }
}

/** A source that was edited while the compiler ran would be placed under the wrong key. */
function assertUnchanged(libtorch: Libtorch, manifest: AddonManifest): void {
  if (manifestFor(libtorch).key === manifest.key) return
  throw new SetupError(
    'SOURCES_CHANGED',
    'set-up: expected native/ to stay as it was during the build, got edits; run it again',
  )
}

/** A checkout's addon changes with every edit of a source: keep the newest few. */
function prune(current: string): void {
  const parent = dirname(addonFolder(current))
  const mark = (key: string) => join(parent, key, 'checkout')
  writeFileSync(mark(current), `${packageRoot()}\n`)
  const old = readdirSync(parent)
    .filter(key => key !== current && existsSync(mark(key)))
    .sort((a, b) => statSync(mark(b)).mtimeMs - statSync(mark(a)).mtimeMs)
    .slice(7)
  for (const key of old) rmSync(join(parent, key), { recursive: true, force: true })
}
