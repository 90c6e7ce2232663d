import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import {
  findLibtorch,
  requireLibtorch,
  selectionFile,
  setFolder,
  wantedVersion,
} from '../../../lib/setup/find-libtorch.ts'
import { defaultTorch } from '../../../lib/setup/versions.ts'
import { fakeLibtorch, fakeProgram, inScratch, write } from './surroundings.ts'

describe('setup/find-libtorch', () => {
  it('finds nothing in an empty cache, and says what to do where one is needed', async () => {
    await inScratch(() => {
      assert.equal(findLibtorch(), undefined)
      assert.throws(requireLibtorch, {
        name: 'SetupError',
        code: 'LIBTORCH_MISSING',
        message: /npx bidora-torch setup/,
      })
    })
  })

  it('takes LIBTORCH before Python before the cache', async () => {
    await inScratch(folder => {
      fakeLibtorch(join(setFolder(defaultTorch, 'cpu'), 'torch'), `${defaultTorch}+cu132`)
      assert.equal(findLibtorch()?.source, 'cache')

      const torch = fakeLibtorch(join(folder, 'python', 'torch'), '2.12.0+cpu')
      const programs = fakeProgram(join(folder, 'bin'), 'python3', `echo ${torch}/__init__.py`)
      process.env.PATH = programs + delimiter + process.env.PATH
      process.env.LIBTORCH_USE_PYTORCH = '1'
      assert.deepEqual(findLibtorch(), {
        root: torch,
        version: '2.12.0+cpu',
        source: 'LIBTORCH_USE_PYTORCH',
        hasCuda: false,
        hasHeaders: true,
      })

      process.env.LIBTORCH = fakeLibtorch(join(folder, 'own'), '2.11.0')
      assert.equal(findLibtorch()?.source, 'LIBTORCH')
    })
  })

  it('reads the version of a zip archive of libtorch', async () => {
    await inScratch(folder => {
      const root = fakeLibtorch(join(folder, 'own'), 'unused', { cuda: true })
      rmSync(join(root, 'version.py'))
      write(join(root, 'build-version'), '2.14.0+cu130\n')
      process.env.LIBTORCH = root
      assert.equal(findLibtorch()?.version, '2.14.0+cu130')
      assert.equal(findLibtorch()?.hasCuda, true)
    })
  })

  it('refuses a LIBTORCH that is no libtorch, naming what it lacks', async () => {
    await inScratch(
      () => {
        assert.throws(() => findLibtorch(), {
          code: 'LIBTORCH_INVALID',
          message:
            /LIBTORCH: expected a libtorch folder, got \/nowhere, which lacks lib\/libc10\.so and lib\/libtorch_cpu\.so/,
        })
      },
      { LIBTORCH: '/nowhere' },
    )
  })

  it('refuses a libtorch with no version and one that was never tested', async () => {
    await inScratch(folder => {
      const root = fakeLibtorch(join(folder, 'own'), '2.9.1')
      process.env.LIBTORCH = root
      assert.throws(() => findLibtorch(), { code: 'LIBTORCH_UNTESTED' })
      rmSync(join(root, 'version.py'))
      assert.throws(() => findLibtorch(), { code: 'LIBTORCH_INVALID', message: /lacks its version/ })
    })
  })

  it('says so when Python has no torch or is not there', async () => {
    await inScratch(
      folder => {
        process.env.PATH = fakeProgram(join(folder, 'bin'), 'python3', 'echo')
        assert.throws(() => findLibtorch(), { code: 'LIBTORCH_MISSING', message: /got one without it/ })
        process.env.PATH = join(folder, 'nothing')
        assert.throws(() => findLibtorch(), { code: 'LIBTORCH_MISSING', message: /got no python3/ })
      },
      { LIBTORCH_USE_PYTORCH: '1' },
    )
  })

  it('looks in the cache for: the variable, the selection, the default, the newest tested', async () => {
    await inScratch(() => {
      const put = (version: string) => fakeLibtorch(join(setFolder(version, 'cpu'), 'torch'), version)
      assert.equal(wantedVersion(), defaultTorch)
      put('2.9.0')
      put('2.11.0')
      put('2.13.0')
      assert.equal(wantedVersion(), '2.13.0')
      put(defaultTorch)
      assert.equal(wantedVersion(), defaultTorch)
      write(selectionFile(), '2.11.0\n')
      assert.equal(wantedVersion(), '2.11.0')
      assert.equal(findLibtorch()?.version, '2.11.0')
      process.env.BIDORA_TORCH_VERSION = '2.13.0'
      assert.equal(findLibtorch()?.version, '2.13.0')
    })
  })

  it('takes a CUDA set where a CPU set would do, never the other way round', async () => {
    await inScratch(() => {
      const root = fakeLibtorch(join(setFolder(defaultTorch, 'cpu'), 'torch'), defaultTorch)
      assert.equal(findLibtorch({ flavour: 'cuda' }), undefined)
      assert.equal(findLibtorch({ flavour: 'cpu' })?.root, root)
      rmSync(setFolder(defaultTorch, 'cpu'), { recursive: true })
      fakeLibtorch(join(setFolder(defaultTorch, 'cuda'), 'torch'), defaultTorch, { cuda: true })
      assert.equal(findLibtorch({ flavour: 'cpu' })?.hasCuda, true)
    })
  })

  it('tells how to mend a broken set of the cache', async () => {
    await inScratch(() => {
      const root = fakeLibtorch(join(setFolder(defaultTorch, 'cpu'), 'torch'), defaultTorch)
      rmSync(join(root, 'lib', 'libtorch_cpu.so'))
      assert.throws(() => findLibtorch(), { message: /remove that folder and run `npx bidora-torch setup`/ })
    })
  })
})
