import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { SetupError } from '../errors.ts'
import { manifestFor } from '../setup/addon-key.ts'
import { ensureDataset, ensureModel } from '../setup/assets.ts'
import { buildAddon } from '../setup/build.ts'
import { findDriver } from '../setup/driver.ts'
import {
  type Flavour,
  findLibtorch,
  type Libtorch,
  requireLibtorch,
  selectionFile,
  wantedVersion,
} from '../setup/find-libtorch.ts'
import { isFile } from '../setup/locate.ts'
import { makeFolder } from '../setup/lock.ts'
import { type Progress, stderrProgress } from '../setup/progress.ts'
import { provisionLibtorch } from '../setup/provision.ts'
import { release } from '../setup/versions.ts'

/** Options of `bidora-torch setup`. */
export interface SetupOptions {
  /** `cuda` and `cpu` ask for that set of libtorch; `auto` takes CUDA where a driver answers. */
  device?: 'auto' | 'cpu' | 'cuda'
  /** A libtorch release such as 2.13.0, remembered for later runs. */
  torch?: string
  /**
   * The model and the mails of the demo: `wanted` (the default) fetches them and only tells when that fails, since the
   * library works without them; `required` fails; `none` leaves them.
   */
  assets?: 'wanted' | 'required' | 'none'
  /** Fetches libtorch where there is none (the default), or fails. */
  fetch?: boolean
  /** Passes the compiler's lines on. */
  verbose?: boolean
  progress?: Progress
}

/** What set-up found or made. */
export interface SetupResult {
  libtorch: Libtorch
  addon: string
  fetched: boolean
  built: boolean
}

/**
 * Finds or fetches libtorch and builds the addon for it. Idempotent: with everything there it only looks.
 *
 * @throws SetupError that names in one sentence what is missing and what to do.
 */
export async function runSetup(options: SetupOptions = {}): Promise<SetupResult> {
  const progress = options.progress ?? stderrProgress
  const { libtorch, fetched } = await obtainLibtorch(options, progress)
  const built = await buildAddon(libtorch, progress, { verbose: options.verbose ?? false })
  await obtainAssets(options.assets ?? 'wanted', progress)
  const key = manifestFor(libtorch).key
  progress.line(
    `set-up: ready: libtorch ${libtorch.version} (${libtorch.hasCuda ? 'CPU and CUDA' : 'CPU'}) in ${libtorch.root}, addon ${key}`,
  )
  return { libtorch, addon: key, fetched, built }
}

async function obtainAssets(need: 'wanted' | 'required' | 'none', progress: Progress): Promise<void> {
  if (need === 'none') return
  for (const fetch of [() => ensureModel(progress), () => ensureDataset('spamassassin', progress)]) {
    try {
      await fetch()
    } catch (error) {
      if (need === 'required' || !(error instanceof SetupError)) throw error
      progress.line(`${error.message} (only the demo needs it)`)
    }
  }
}

async function obtainLibtorch(
  options: SetupOptions,
  progress: Progress,
): Promise<{ libtorch: Libtorch; fetched: boolean }> {
  const flavour = wantedFlavour(options.device ?? 'auto')
  const version = options.torch ?? wantedVersion()
  const before = findLibtorch({ flavour, version })
  const named = before !== undefined && before.source !== 'cache'
  if (named) assertAsked(before, options)
  let fetched = false
  if (before === undefined) {
    if (options.fetch === false) requireLibtorch()
    fetched = await provisionLibtorch(version, flavour, progress)
  }
  // Remembered only once it is there: a version that cannot be fetched must not break what worked before.
  if (options.torch !== undefined && !named) select(options.torch)
  const libtorch = before ?? findLibtorch({ flavour, version }) ?? requireLibtorch()
  return { libtorch, fetched }
}

function wantedFlavour(device: 'auto' | 'cpu' | 'cuda'): Flavour {
  if (device !== 'auto') return device
  return findDriver({ probe: true }) === undefined ? 'cpu' : 'cuda'
}

/** A libtorch named by a variable is taken as it is, so options that ask for another one are refused. */
function assertAsked(libtorch: Libtorch, options: SetupOptions): void {
  const wrong =
    options.torch !== undefined && options.torch !== release(libtorch.version)
      ? `--torch ${options.torch}`
      : options.device === 'cuda' && !libtorch.hasCuda
        ? '--device cuda'
        : undefined
  if (wrong === undefined) return
  throw new SetupError(
    'LIBTORCH_CONFLICT',
    `setup ${wrong}: expected that in ${libtorch.root}, got libtorch ${libtorch.version}` +
      `${libtorch.hasCuda ? '' : ' without CUDA'}; unset ${libtorch.source} to let set-up fetch one`,
  )
}

function select(version: string): void {
  const file = selectionFile()
  if (isFile(file) && readFileSync(file, 'utf8').trim() === version) return
  makeFolder(dirname(file))
  writeFileSync(`${file}.new`, `${version}\n`)
  renameSync(`${file}.new`, file)
}
