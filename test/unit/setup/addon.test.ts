import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { addonFolder, builtFor, manifestFor } from '../../../lib/setup/addon-key.ts'
import { buildAddon } from '../../../lib/setup/build.ts'
import { findAddon } from '../../../lib/setup/find-addon.ts'
import { findLibtorch, type Libtorch } from '../../../lib/setup/find-libtorch.ts'
import { packageRoot } from '../../../lib/setup/locate.ts'
import { silent } from '../../../lib/setup/progress.ts'
import { fakeLibtorch, fakeProgram, inScratch, write } from './surroundings.ts'

function libtorch(folder: string, version: string): Libtorch {
  process.env.LIBTORCH = fakeLibtorch(join(folder, version), version)
  const found = findLibtorch()
  assert.ok(found)
  return found
}

function fakeAddon(folder: string, version: string): void {
  write(join(folder, 'preload.node'), '')
  write(join(folder, 'bidora.node'), `\u007fELF...${builtFor(version)}...`)
  write(join(folder, 'manifest.json'), JSON.stringify({ torch: version }))
}

describe('setup/addon', () => {
  // A checkout keeps its object files.
  afterEach(() => rmSync(join(packageRoot(), 'build', '2.13.0-abi1'), { recursive: true, force: true }))

  it('binds the key to libtorch, its ABI and the sources', async () => {
    await inScratch(folder => {
      const first = manifestFor(libtorch(folder, '2.13.0+cu130'))
      assert.match(first.key, /^\d+\.\d+\.\d+-torch2\.13\.0\+cu130-abi1-(x64|arm64)-napi8-[0-9a-f]{16}$/)
      assert.notEqual(manifestFor(libtorch(folder, '2.13.0+cpu')).key, first.key)
      const old = libtorch(folder, '2.12.0')
      write(join(old.root, 'lib', 'libc10.so'), 'Ss')
      assert.equal(manifestFor(old).cxx11Abi, 0)
      assert.equal(manifestFor(old).sources, first.sources)
    })
  })

  it('is missing with a sentence that names the command', async () => {
    await inScratch(folder => {
      assert.throws(() => findAddon(libtorch(folder, '2.13.0')), {
        name: 'SetupError',
        code: 'ADDON_MISSING',
        message: /expected its addon for libtorch 2\.13\.0 in .*, got none; run `npx bidora-torch setup`/,
      })
    })
  })

  it('is found in the cache and in BIDORA_TORCH_ADDON', async () => {
    await inScratch(folder => {
      const torch = libtorch(folder, '2.13.0')
      const { key } = manifestFor(torch)
      fakeAddon(addonFolder(key), '2.13.0')
      assert.equal(findAddon(torch), addonFolder(key))
      process.env.BIDORA_TORCH_ADDON = join(folder, 'elsewhere')
      fakeAddon(join(folder, 'elsewhere'), '2.13.0')
      assert.equal(findAddon(torch), join(folder, 'elsewhere'))
    })
  })

  it('is refused before it is mapped when its bytes name another libtorch, whatever its manifest says', async () => {
    await inScratch(folder => {
      const torch = libtorch(folder, '2.13.0')
      const { key } = manifestFor(torch)
      fakeAddon(addonFolder(key), '2.12.0')
      assert.throws(() => findAddon(torch), {
        code: 'ADDON_MISMATCH',
        message:
          /expected an addon built for libtorch 2\.13\.0 .*, got one for 2\.12\.0 in .*; run `npx bidora-torch setup`/,
      })
      write(join(addonFolder(key), 'manifest.json'), JSON.stringify({ torch: '2.13.0' }))
      assert.throws(() => findAddon(torch), { code: 'ADDON_MISMATCH' })
    })
  })

  it('does not take 2.1 for 2.13: the whole version is compared', () => {
    assert.ok(!builtFor('2.13.0').includes(builtFor('2.13')))
  })

  it('names the missing tool in one sentence', async () => {
    await inScratch(async folder => {
      const torch = libtorch(folder, '2.13.0')
      const bin = join(folder, 'bin')
      const refuses = (code: string, message: RegExp) => assert.rejects(buildAddon(torch, silent), { code, message })
      process.env.PATH = bin
      delete process.env.CXX
      await refuses(
        'COMPILER_MISSING',
        /a C\+\+20 compiler on PATH .*got none; install one \(Debian: apt-get install g\+\+\)/,
      )
      fakeProgram(bin, 'c++', 'exit 0')
      await refuses('CMAKE_MISSING', /CMake 3\.18 or later on PATH .*got none/)
      fakeProgram(bin, 'cmake', 'echo cmake version 3.10.2')
      await refuses('CMAKE_OLD', /got 3\.10\.2; install a newer one/)
      fakeProgram(bin, 'cmake', 'echo cmake version 3.25.1')
      await refuses('MAKE_MISSING', /ninja or make on PATH .*got neither/)
      fakeProgram(bin, 'ninja', 'exit 0')
      await refuses('HEADERS_MISSING', /libtorch's headers/).catch(() => {})
    })
  })

  it("passes on the compiler's own lines when the build fails", async () => {
    await inScratch(async folder => {
      const torch = libtorch(folder, '2.13.0')
      fakeProgram(
        join(folder, 'bin'),
        'cmake',
        'case "$1" in --version) echo cmake version 3.25.1;; *) echo "x.cc:1: error: no such type" >&2; exit 1;; esac',
      )
      process.env.PATH = [join(folder, 'bin'), process.env.PATH].join(delimiter)
      await assert.rejects(buildAddon(torch, silent), { code: 'BUILD_FAILED', message: /x\.cc:1: error: no such type/ })
      assert.throws(() => findAddon(torch), { code: 'ADDON_MISSING' })
    })
  })

  it('is bound by CMakeLists.txt to the sentence that the loader looks for', () => {
    const text = readFileSync('CMakeLists.txt', 'utf8').replaceAll(/\$\{BIDORA_TORCH_FULL\}/g, '2.13.0')
    assert.ok(text.includes(builtFor('2.13.0')))
  })
})
