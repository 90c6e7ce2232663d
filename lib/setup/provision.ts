import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SetupError } from '../errors.ts'
import { assertDiskSpace, folderBytes, makeOnce } from './cache.ts'
import { type Flavour, setFolder } from './find-libtorch.ts'
import { isFile } from './locate.ts'
import { type Progress, step } from './progress.ts'
import { assertTested } from './versions.ts'
import { downloadWheels, requirementsOf, unpack } from './wheels.ts'

/** Download and, at its height, disk use: the archives, pip's temporary copy of them and what is kept. */
const sizes = {
  cpu: { download: '540 MB', disk: 1.7e9 },
  cuda: { download: '2.5 GB', disk: 7e9 },
} as const

/** What is kept of the wheels; the CUDA set keeps every library but Python's. */
const members = {
  cpu: {
    torch: /^torch\/(lib\/lib(c10|torch_cpu|gomp(-[0-9a-f]+)?)\.so[.0-9]*|include\/.*|version\.py)$/,
    nvidia: /^nvidia\/.*\/lib(cudart|cupti)\.so[.0-9]*$/,
  },
  cuda: {
    torch: /^torch\/(lib\/(?!libtorch_python)[^/]*\.so[.0-9]*|include\/.*|version\.py)$/,
    nvidia: /^nvidia\/.*(\.so[.0-9]*$|\/include\/)/,
  },
} as const

/** All that libtorch_cpu needs beyond its own folder and glibc; absent from wheels without CUDA. */
const runtime = ['cudart', 'cupti']

/**
 * Fetches a set of libtorch into the cache with pip; does nothing where it is there already.
 *
 * @returns whether it was fetched.
 * @throws SetupError naming what is missing: a tested version, Python, pip, network, disk space, glibc.
 */
export async function provisionLibtorch(version: string, flavour: Flavour, progress: Progress): Promise<boolean> {
  assertTested(version, 'set-up --torch')
  return makeOnce(setFolder(version, flavour), progress, async (folder, scratch) => {
    assertDiskSpace(sizes[flavour].disk, `libtorch ${version} (${flavour})`)
    const wheels = await step(
      progress,
      `fetching libtorch ${version} (${flavour}, about ${sizes[flavour].download})`,
      () => fetchWheels(version, flavour, scratch),
      () => `${(folderBytes(scratch) / 1e6).toFixed(0)} MB`,
    )
    await step(progress, `unpacking libtorch ${version}`, async () => {
      for (const wheel of wheels) {
        await unpack(wheel, folder, members[flavour][isTorch(wheel) ? 'torch' : 'nvidia'])
        rmSync(wheel)
      }
      verify(folder, version, flavour)
    })
  })
}

/** The torch wheel says in its own metadata which versions of NVIDIA's libraries it was built for. */
async function fetchWheels(version: string, flavour: Flavour, scratch: string): Promise<string[]> {
  const otherwise = 'choose another version with --torch, or set LIBTORCH to a libtorch folder'
  const [first, second] = [join(scratch, 'torch'), join(scratch, 'nvidia')]
  mkdirSync(first)
  mkdirSync(second)
  const [torch] = await downloadWheels([`torch==${version}`], first, { dependencies: false, scratch, otherwise })
  if (torch === undefined) throw new SetupError('PIP_FAILED', `set-up: expected a wheel of torch ${version}, got none`)
  const needed = nvidiaRequirements(await requirementsOf(torch), flavour)
  if (needed.length === 0) return [torch]
  const nvidia = await downloadWheels(needed, second, { dependencies: true, scratch, otherwise })
  return [torch, ...nvidia.filter(wheel => basename(wheel).startsWith('nvidia_'))]
}

/**
 * NVIDIA's packages among a wheel's requirements. The CPU set takes two libraries of the toolkit; triton and the
 * Python bindings are needed by no C++.
 */
export function nvidiaRequirements(requirements: readonly string[], flavour: Flavour): string[] {
  const nvidia = requirements
    .map(line => (line.split(';')[0] ?? '').trim())
    .filter(line => /^(cuda-toolkit|nvidia-)/.test(line))
  if (flavour === 'cuda') return nvidia
  return nvidia.flatMap(line => {
    const toolkit = /^cuda-toolkit\[[^\]]*\]\s*(==.*)$/.exec(line)
    if (toolkit !== null) return [`cuda-toolkit[${runtime.join(',')}]${toolkit[1]}`]
    return /^nvidia-cuda-(runtime|cupti)\b/.test(line) ? [line] : []
  })
}

function isTorch(wheel: string): boolean {
  return basename(wheel).startsWith('torch-')
}

/** pip checked the hashes; this checks that the wheels still hold what we take from them. */
function verify(folder: string, version: string, flavour: Flavour): void {
  const libraries = [
    'libc10.so',
    'libtorch_cpu.so',
    ...(flavour === 'cuda' ? ['libtorch_cuda.so', 'libc10_cuda.so'] : []),
  ]
  const needed = [...libraries.map(name => `torch/lib/${name}`), 'torch/version.py', 'torch/include/ATen/ATen.h']
  const missing = needed.filter(path => !isFile(join(folder, path)))
  if (missing.length === 0) return
  throw new SetupError(
    'WHEEL_INCOMPLETE',
    `set-up: expected the wheel of torch ${version} to hold ${missing.join(', ')}, got none` +
      (missing.some(path => path.includes('cuda'))
        ? '; use --device cpu on this machine'
        : '; choose another version with --torch'),
    { missing },
  )
}
