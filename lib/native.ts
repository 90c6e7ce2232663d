import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { SetupError } from './errors.ts'
import type { NativeAddon } from './native-types.ts'
import { findDriver } from './setup/driver.ts'
import { findAddon } from './setup/find-addon.ts'
import { type Libtorch, requireLibtorch } from './setup/find-libtorch.ts'
import { environment, isFile, isFolder } from './setup/locate.ts'

/** What was loaded, for `doctor` and for error reports. */
export interface LoadedNative {
  addon: NativeAddon
  libtorch: Libtorch
  folder: string
  /** Whether libtorch_cuda was opened. */
  cudaOpened: boolean
  /** Why it could not be, where it should have been: the CPU works all the same. */
  cudaFailure?: SetupError
}

let loaded: LoadedNative | undefined

/**
 * The addon of this environment (main thread or worker), loaded at its first use. Never fetches or builds.
 *
 * @throws SetupError that names `npx bidora-torch setup` when libtorch or a fitting addon is missing.
 */
export function native(): NativeAddon {
  return loadNative().addon
}

/**
 * Lets libtorch's threads sleep while they wait for each other, unless `OMP_WAIT_POLICY` says otherwise. By default they
 * spin: on a machine that has other work, such as the service's own, a step then takes ten times as long. Must be called
 * on the main thread before libtorch is loaded: a worker's `process.env` does not reach the libraries.
 */
export function preferPassiveWaiting(): void {
  if (isMainThread) process.env.OMP_WAIT_POLICY ??= 'passive'
}

/** The same, with where it came from. */
export function loadNative(): LoadedNative {
  if (loaded !== undefined) return loaded
  preferPassiveWaiting()
  const libtorch = requireLibtorch()
  const folder = findAddon(libtorch)
  const preload = openAddon(join(folder, 'preload.node')) as { open(path: string): void }
  const open = (path: string) => {
    try {
      preload.open(path)
    } catch (error) {
      throw loadError(path, error)
    }
  }
  libraries(libtorch).forEach(open)
  const cuda = openCuda(libtorch, open)
  return (loaded = { addon: openAddon(join(folder, 'bidora.node')) as NativeAddon, libtorch, folder, ...cuda })
}

/**
 * libtorch_cuda must come before anything asks for CUDA's hooks: afterwards its kernels register but the hooks stay
 * stubs for ever. Without a driver it costs 0.3 s and 280 MB for nothing; `BIDORA_TORCH_CUDA` = 1 or 0 decides otherwise.
 */
function openCuda(libtorch: Libtorch, open: (path: string) => void): { cudaOpened: boolean; cudaFailure?: SetupError } {
  const asked = environment('BIDORA_TORCH_CUDA')
  const wanted = asked === undefined ? findDriver() !== undefined : asked === '1'
  if (!libtorch.hasCuda || !wanted) return { cudaOpened: false }
  try {
    open(join(libtorch.root, 'lib', 'libtorch_cuda.so'))
    return { cudaOpened: true }
  } catch (error) {
    if (asked === '1' || !(error instanceof SetupError)) throw error
    return { cudaOpened: false, cudaFailure: error }
  }
}

/** What the addon needs, in order. */
function libraries(libtorch: Libtorch): string[] {
  const lib = join(libtorch.root, 'lib')
  return [
    ...[join(lib, 'libgomp.so.1'), ...nvidiaRuntime(libtorch)].filter(isFile),
    join(lib, 'libc10.so'),
    join(lib, 'libtorch_cpu.so'),
  ]
}

/** cudart and cupti, which even libtorch_cpu needs, beside torch in `nvidia/cu13/lib` and the like. */
function nvidiaRuntime(libtorch: Libtorch): string[] {
  const nvidia = join(dirname(libtorch.root), 'nvidia')
  if (!isFolder(nvidia)) return []
  return readdirSync(nvidia)
    .map(name => join(nvidia, name, 'lib'))
    .filter(isFolder)
    .flatMap(folder =>
      readdirSync(folder)
        .filter(name => /^lib(cudart|cupti)\.so\.\d+$/.test(name))
        .map(name => join(folder, name)),
    )
}

function openAddon(path: string): unknown {
  const holder = { exports: {} as unknown }
  try {
    process.dlopen(holder, path, constants.dlopen.RTLD_NOW)
  } catch (error) {
    throw loadError(path, error)
  }
  return holder.exports
}

function loadError(path: string, error: unknown): SetupError {
  const reason = error instanceof Error ? error.message : String(error)
  return new SetupError(
    'LOAD_FAILED',
    `bidora-torch: expected to load ${path}, got: ${reason}; run \`npx bidora-torch doctor\``,
    { path, reason },
    { cause: error },
  )
}
