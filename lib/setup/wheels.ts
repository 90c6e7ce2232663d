import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from '../errors.ts'
import { glibcVersion } from './glibc.ts'
import { findProgram, run, tail } from './run.ts'
import { compareVersions } from './versions.ts'

const oldestGlibc = '2.28' // what torch's wheels are built for
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' }

/**
 * Downloads wheels with pip, which honours the user's index and proxy and verifies hashes. The wheels are made for a
 * fixed Python, since only their libraries are wanted. Nothing is installed and pip's own cache is not touched.
 *
 * @param options.dependencies also takes what the packages need.
 * @param options.scratch a folder for pip's temporary files, on the disk that was checked for space.
 * @param options.otherwise what to do where pip cannot be used, for the error's sentence.
 * @returns the paths of all wheels in the folder.
 */
export async function downloadWheels(
  requirements: readonly string[],
  folder: string,
  options: { dependencies: boolean; scratch: string; otherwise: string },
): Promise<string[]> {
  const platforms = platformTags(options.otherwise).flatMap(tag => ['--platform', tag])
  const args = ['-m', 'pip', 'download', '--no-input', '--no-cache-dir', '--disable-pip-version-check']
  args.push('--progress-bar', 'off', '--only-binary=:all:', '--python-version', '3.13', ...platforms)
  if (!options.dependencies) args.push('--no-deps')
  args.push('-d', folder, ...requirements)
  // pip asks `rustc --version` for its user agent; where that is rustup's, it would write settings into the home folder.
  const env = { ...process.env, TMPDIR: options.scratch, RUSTUP_HOME: options.scratch }
  const finished = await run(python(), args, { env })
  if (finished.status !== 0) throw pipError(requirements, finished.stdout + finished.stderr, options.otherwise)
  return readdirSync(folder)
    .filter(name => name.endsWith('.whl'))
    .map(name => join(folder, name))
}

/**
 * The tags of wheels that run here: those for any glibc up to the system's. pip, told of a platform, takes no older tags
 * by itself.
 */
function platformTags(otherwise: string): string[] {
  const architecture = architectures[process.arch]
  const glibc = glibcVersion()
  const fits = process.platform === 'linux' && architecture !== undefined
  if (fits && glibc !== undefined && compareVersions(glibc, oldestGlibc) >= 0) {
    const newest = Number(glibc.split('.')[1])
    const minors = Array.from({ length: newest - 16 }, (_, i) => newest - i)
    return [...minors.map(minor => `manylinux_2_${minor}_${architecture}`), `manylinux2014_${architecture}`]
  }
  const got = fits ? `glibc ${glibc ?? 'missing (musl)'}` : `${process.platform} on ${process.arch}`
  throw new SetupError(
    'PLATFORM_UNSUPPORTED',
    `set-up: expected Linux on x64 or arm64 with glibc ${oldestGlibc} or later, got ${got}; ${otherwise}`,
  )
}

/**
 * Unpacks the members of a wheel (a zip archive) whose names match.
 *
 * @param pattern a regular expression as both Python and JavaScript read it.
 */
export async function unpack(wheel: string, folder: string, pattern: RegExp): Promise<void> {
  const script = [
    'import re, sys, zipfile',
    'archive = zipfile.ZipFile(sys.argv[1])',
    'archive.extractall(sys.argv[2], [n for n in archive.namelist() if re.search(sys.argv[3], n)])',
  ].join('\n')
  await runPython(script, [wheel, folder, pattern.source], `unpack ${wheel}`)
}

/** The `Requires-Dist` lines of a wheel, without those of its extras. */
export async function requirementsOf(wheel: string): Promise<string[]> {
  const script = [
    'import sys, zipfile',
    'archive = zipfile.ZipFile(sys.argv[1])',
    'name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))',
    'print(archive.read(name).decode())',
  ].join('\n')
  const metadata = await runPython(script, [wheel], `read ${wheel}`)
  return [...metadata.matchAll(/^Requires-Dist: (.+)$/gm)]
    .map(match => match[1] ?? '')
    .filter(line => !line.includes('extra =='))
}

/** Runs a few lines of Python, or says in a sentence what failed. */
export async function runPython(script: string, args: readonly string[], what: string): Promise<string> {
  const finished = await run(python(), ['-c', script, ...args])
  if (finished.status === 0) return finished.stdout
  if (/No space left on device/.test(finished.stderr)) throw diskFull(what)
  throw new SetupError('SETUP_FAILED', `set-up: expected Python to ${what}, got ${tail(finished.stderr, 3)}`)
}

function python(): string {
  const path = findProgram('python3')
  if (path !== undefined) return path
  throw new SetupError(
    'PYTHON_MISSING',
    'set-up: expected python3 on PATH (its pip does the downloads), got none; install Python 3 with pip ' +
      '(Debian: apt-get install python3-pip)',
  )
}

function pipError(requirements: readonly string[], output: string, otherwise: string): SetupError {
  const what = requirements.join(' ')
  const details = { requirements, output: tail(output, 40) }
  if (/No module named pip/.test(output)) {
    return new SetupError(
      'PIP_MISSING',
      `set-up: expected python3 with pip, got one without; install pip (Debian: apt-get install python3-pip), or ${otherwise}`,
      details,
    )
  }
  if (/No space left on device/.test(output)) return diskFull(`download ${what}`)
  const network =
    /NewConnectionError|Name or service not known|name resolution|Connection refused|Network is unreachable|ConnectTimeout|ReadTimeout|timed out|ProxyError|SSLError|Connection (broken|aborted|reset)/
  if (network.test(output)) {
    return new SetupError(
      'NETWORK',
      `set-up: expected pip to download ${what}, got no connection to its package index; ` +
        `check the network and the proxy settings of pip, or ${otherwise}`,
      details,
    )
  }
  if (/No matching distribution|Could not find a version/.test(output)) {
    return new SetupError(
      'WHEEL_MISSING',
      `set-up: expected ${what} in pip's package index, got no wheel of it for this machine; ${otherwise}`,
      details,
    )
  }
  return new SetupError('PIP_FAILED', `set-up: expected pip to download ${what}, got:\n${tail(output)}`, details)
}

function diskFull(what: string): SetupError {
  return new SetupError(
    'DISK_FULL',
    `set-up: expected room to ${what}, got a full disk; free disk space, or name a cache on another disk with BIDORA_TORCH_CACHE`,
  )
}
