import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { SetupError } from '../errors.ts'
import { findDataset, findModel } from './assets.ts'
import { findDriver } from './driver.ts'
import { findAddon } from './find-addon.ts'
import { findLibtorch, requireLibtorch } from './find-libtorch.ts'
import { glibcVersion } from './glibc.ts'
import { cacheRoot, isFolder, packageRoot, packageVersion } from './locate.ts'
import { findProgram, run, tail } from './run.ts'

/** One thing that was looked at. `advice` is there where something is wrong and says what to do. */
export interface Finding {
  name: string
  value: string
  advice?: string
}

/** Everything that `doctor` found. `ok` is whether tensors work. */
export interface DoctorReport {
  ok: boolean
  findings: Finding[]
}

/**
 * Looks at everything that bidora-torch needs, changes nothing, and works with nothing there.
 *
 * @param probe a script that makes a tensor and a backward pass and prints one line of JSON; run in a child process,
 * so that a crash becomes a message.
 */
export async function examine(probe: string): Promise<DoctorReport> {
  const libtorch = attempt(requireLibtorch)
  const addon = 'value' in libtorch ? attempt(() => findAddon(libtorch.value)) : undefined
  const built = addon !== undefined && 'value' in addon
  const findings = [
    { name: 'bidora-torch', value: `${packageVersion()} in ${packageRoot()}` },
    system(),
    { name: 'node', value: `${process.version}, Node-API ${process.versions.napi}` },
    cache(),
    // Tools are needed to fetch and build only: their absence is a fault only while there is something to fetch or build.
    ...(await tools({ fetch: !('value' in libtorch), build: !built })),
    driver(),
    'value' in libtorch
      ? {
          name: 'libtorch',
          value: `${libtorch.value.version}, ${libtorch.value.hasCuda ? 'CPU and CUDA' : 'CPU'}, ${libtorch.value.root} (${libtorch.value.source})`,
        }
      : { name: 'libtorch', value: 'none', advice: libtorch.error },
    ...(addon === undefined ? [] : [addonFinding(addon)]),
    optional('model', findModel),
    optional('data set', () => findDataset('spamassassin')),
  ]
  if (!built) return { ok: false, findings }
  const tensors = await tryTensors(probe)
  return { ok: tensors.advice === undefined, findings: [...findings, tensors] }
}

type Attempt<T> = { value: T } | { error: string }

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work() }
  } catch (error) {
    if (error instanceof SetupError) return { error: error.message }
    throw error
  }
}

function system(): Finding {
  const glibc = glibcVersion()
  const value = `${process.platform} ${process.arch}, ${glibc === undefined ? 'no glibc' : `glibc ${glibc}`}`
  if (process.platform === 'linux' && glibc !== undefined) return { name: 'system', value }
  return { name: 'system', value, advice: 'use Linux with glibc 2.28 or later (Debian, Ubuntu, Fedora and similar)' }
}

function cache(): Finding {
  const root = cacheRoot()
  return {
    name: 'cache',
    value: `${root} (${isFolder(root) ? (isWritable(root) ? 'writable' : 'read-only') : 'not there yet'})`,
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function tools(needed: { fetch: boolean; build: boolean }): Promise<Finding[]> {
  const look = async (
    name: string,
    programs: string[],
    args: string[],
    need: boolean,
    advice: string,
  ): Promise<Finding> => {
    const path = findProgram(...programs)
    const answer = path === undefined ? undefined : await run(path, args, { timeout: 20_000 })
    if (path !== undefined && answer?.status === 0) {
      return { name, value: `${answer.stdout.split('\n')[0]?.trim()} (${path})` }
    }
    const value = path === undefined ? 'none' : tail(answer?.stderr ?? '', 1)
    return need ? { name, value, advice } : { name, value: `${value} (not needed now)` }
  }
  const debian = (name: string) => `install it (Debian: apt-get install ${name})`
  return Promise.all([
    look('compiler', [process.env.CXX || 'c++', 'g++', 'clang++'], ['--version'], needed.build, debian('g++')),
    look('cmake', ['cmake'], ['--version'], needed.build, debian('cmake')),
    look('ninja or make', ['ninja', 'make'], ['--version'], needed.build, debian('ninja-build')),
    look('python', ['python3'], ['--version'], needed.fetch, debian('python3')),
    look('pip', ['python3'], ['-m', 'pip', '--version'], needed.fetch, debian('python3-pip')),
  ])
}

function driver(): Finding {
  const found = findDriver({ probe: true })
  if (found === undefined) return { name: 'NVIDIA driver', value: 'none: CPU only' }
  const finding = { name: 'NVIDIA driver', value: `${found.version ?? 'version unknown'} (${found.foundBy})` }
  const libtorch = attempt(() => findLibtorch())
  if (!('value' in libtorch) || libtorch.value === undefined || libtorch.value.hasCuda) return finding
  return { ...finding, advice: 'libtorch is the CPU set; run `npx bidora-torch setup --device cuda` to use the device' }
}

function addonFinding(addon: Attempt<string>): Finding {
  return 'value' in addon
    ? { name: 'addon', value: addon.value }
    : { name: 'addon', value: 'none that fits', advice: addon.error }
}

function optional(name: string, find: () => string): Finding {
  const found = attempt(find)
  return { name, value: 'value' in found ? found.value : 'not fetched (only the demo needs it)' }
}

async function tryTensors(probe: string): Promise<Finding> {
  const finished = await run(process.execPath, [probe], { timeout: 120_000 })
  const line = finished.stdout.trim().split('\n').at(-1) ?? ''
  if (finished.status === 0) {
    // The CPU works; what is said besides is why CUDA does not.
    const besides = finished.stderr.trim()
    return { name: 'tensors', value: besides === '' ? line : `${line}; ${besides}` }
  }
  const reason =
    finished.signal === undefined ? tail(finished.stderr, 3) : `the process was ended by ${finished.signal}`
  return {
    name: 'tensors',
    value: `FAILED: ${reason}`,
    advice:
      `a tensor and a backward pass failed in a child process (${dirname(probe)}); remove ${cacheRoot()}/addon, ` +
      'run `npx bidora-torch setup`, and if it fails again report the lines above',
  }
}
