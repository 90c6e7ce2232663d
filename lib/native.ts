import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
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

/** The same, with where it came from. */
export function loadNative(): LoadedNative {
  if (loaded !== undefined) return loaded
  const libtorch = requireLibtorch()
  const folder = findAddon(libtorch)
  const preload = openAddon(join(folder, 'preload.node')) as { open(path: string): void }
  const cudaOpened = libtorch.hasCuda && wantsCuda()
  for (const path of libraries(libtorch, cudaOpened)) {
    try {
      preload.open(path)
    } catch (error) {
      throw loadError(path, error)
    }
  }
  return (loaded = { addon: openAddon(join(folder, 'bidora.node')) as NativeAddon, libtorch, folder, cudaOpened })
}

/**
 * The libraries to map, in order. libtorch_cuda must come before anything asks for CUDA's hooks: afterwards its kernels
 * register but the hooks stay stubs for ever.
 */
function libraries(libtorch: Libtorch, cuda: boolean): string[] {
  const lib = join(libtorch.root, 'lib')
  return [
    ...[join(lib, 'libgomp.so.1'), ...nvidiaRuntime(libtorch)].filter(isFile),
    join(lib, 'libc10.so'),
    join(lib, 'libtorch_cpu.so'),
    ...(cuda ? [join(lib, 'libtorch_cuda.so')] : []),
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

/** Without a driver libtorch_cuda costs 0.3 s and 280 MB for nothing; `BIDORA_TORCH_CUDA` = 1 or 0 decides otherwise. */
function wantsCuda(): boolean {
  const asked = environment('BIDORA_TORCH_CUDA')
  return asked === undefined ? findDriver() !== undefined : asked === '1'
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
