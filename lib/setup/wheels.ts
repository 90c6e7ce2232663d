import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from '../errors.ts'
import { findProgram, run, tail } from './run.ts'

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
  const architecture = architectures[process.arch]
  if (process.platform !== 'linux' || architecture === undefined) {
    throw new SetupError(
      'PLATFORM_UNSUPPORTED',
      `set-up: expected Linux on x64 or arm64, got ${process.platform} on ${process.arch}; ${options.otherwise}`,
    )
  }
  const platforms = ['manylinux_2_28', 'manylinux_2_25', 'manylinux_2_17', 'manylinux2014'].flatMap(tag => [
    '--platform',
    `${tag}_${architecture}`,
  ])
  const args = ['-m', 'pip', 'download', '--no-input', '--no-cache-dir', '--disable-pip-version-check']
  args.push('--progress-bar', 'off', '--only-binary=:all:', '--python-version', '3.13', ...platforms)
  if (!options.dependencies) args.push('--no-deps')
  args.push('-d', folder, ...requirements)
  const finished = await run(python(), args, { env: { ...process.env, TMPDIR: options.scratch } })
  if (finished.status !== 0) throw pipError(requirements, finished.stdout + finished.stderr, options.otherwise)
  return readdirSync(folder)
    .filter(name => name.endsWith('.whl'))
    .map(name => join(folder, name))
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
