import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const names = [
  'BIDORA_TORCH_CACHE',
  'BIDORA_TORCH_VERSION',
  'BIDORA_TORCH_ALLOW_UNTESTED',
  'BIDORA_TORCH_ADDON',
  'LIBTORCH',
  'LIBTORCH_USE_PYTORCH',
]

/** Runs a test in a scratch folder with a cache of its own there and none of our variables set, then restores all. */
export async function inScratch(
  work: (folder: string) => Promise<void> | void,
  variables: Record<string, string> = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bidora-setup-'))
  const saved = { ...process.env }
  for (const name of names) delete process.env[name]
  Object.assign(process.env, { BIDORA_TORCH_CACHE: join(folder, 'cache') }, variables)
  try {
    await work(folder)
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in saved)) delete process.env[name]
    Object.assign(process.env, saved)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A folder that looks like libtorch from a wheel. */
export function fakeLibtorch(root: string, version: string, options: { cuda?: boolean } = {}): string {
  const put = (path: string, text: string) => write(join(root, path), text)
  put('lib/libc10.so', 'NSt7__cxx1112basic_string')
  put('lib/libtorch_cpu.so', '')
  put('include/ATen/ATen.h', '')
  put('version.py', `from typing import Optional\n__version__ = '${version}'\n`)
  if (options.cuda) put('lib/libtorch_cuda.so', '')
  return root
}

/** A program on a PATH of its own; gives that PATH. */
export function fakeProgram(folder: string, name: string, script: string): string {
  const path = join(folder, name)
  write(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return folder
}

export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
