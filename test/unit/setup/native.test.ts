import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { loadNative, native } from '../../../lib/native.ts'
import { findDriver } from '../../../lib/setup/driver.ts'
import { cacheRoot, isFolder } from '../../../lib/setup/locate.ts'
import { inScratch, write } from './surroundings.ts'

const module_ = new URL('../../../lib/native.js', import.meta.url).href
const script = `import { loadNative } from ${JSON.stringify(module_)}
const { addon, cudaOpened } = loadNative()
console.log(JSON.stringify({ version: addon.libtorchVersion, cudaOpened }))`

/** Loads the addon in a process of its own; gives what it printed. */
function load(folder: string, environment: Record<string, string> = {}): { version: string; cudaOpened: boolean } {
  const file = join(folder, 'load.mjs')
  write(file, script)
  return JSON.parse(
    execFileSync(process.execPath, [file], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, ...environment },
    }),
  )
}

function link(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  symlinkSync(from, to)
}

describe('native', () => {
  it('loads once in an environment, and is built for the libtorch that it loads', () => {
    const loaded = loadNative()
    assert.equal(native(), loaded.addon)
    assert.ok(loaded.libtorch.version.startsWith(loaded.addon.libtorchVersion))
  })

  it('loads in a worker thread too', async () => {
    const code = script.replace('console.log', "process.getBuiltinModule('node:worker_threads').parentPort.postMessage")
    const answers = await Promise.all(
      [1, 2].map(async () => {
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
        const answer = await new Promise<string>((done, fail) => worker.once('message', done).once('error', fail))
        await worker.terminate()
        return JSON.parse(answer).version
      }),
    )
    assert.deepEqual(answers, [native().libtorchVersion, native().libtorchVersion])
  })

  it('loads from a libtorch and an addon that were moved: no rpath', async () => {
    const { libtorch, folder: addon } = loadNative()
    await inScratch(folder => {
      symlinkSync(dirname(libtorch.root), join(folder, 'moved'))
      cpSync(addon, join(folder, 'addon'), { recursive: true })
      const dynamic = readFileSync(join(addon, 'bidora.node'))
      assert.ok(!dynamic.includes(libtorch.root), 'the binary names the folder it was built against')
      const answer = load(folder, {
        LIBTORCH: join(folder, 'moved', 'torch'),
        BIDORA_TORCH_ADDON: join(folder, 'addon'),
      })
      assert.equal(answer.version, native().libtorchVersion)
    })
  })

  it('names the file that is missing when a library cannot be mapped', async () => {
    const { libtorch, folder: addon } = loadNative()
    await inScratch(folder => {
      const root = join(folder, 'torch')
      write(join(root, 'version.py'), readFileSync(join(libtorch.root, 'version.py'), 'utf8'))
      write(
        join(root, 'lib', 'libc10.so'),
        readFileSync(join(libtorch.root, 'lib', 'libc10.so'), 'latin1').slice(0, 100),
      )
      write(join(root, 'lib', 'libtorch_cpu.so'), '')
      assert.throws(
        () => load(folder, { LIBTORCH: root, BIDORA_TORCH_ADDON: addon }),
        /expected to load .*libc10\.so, got: .*libc10\.so.*run `npx bidora-torch doctor`/,
      )
    })
  })

  it('opens CUDA only where a driver answers or BIDORA_TORCH_CUDA asks for it', async () => {
    const { libtorch, folder: addon } = loadNative()
    await inScratch(folder => {
      const root = join(folder, 'set', 'torch')
      for (const name of readdirSync(libtorch.root))
        if (name !== 'lib') link(join(libtorch.root, name), join(root, name))
      for (const name of readdirSync(join(libtorch.root, 'lib')))
        link(join(libtorch.root, 'lib', name), join(root, 'lib', name))
      const nvidia = join(dirname(libtorch.root), 'nvidia')
      if (isFolder(nvidia)) link(nvidia, join(folder, 'set', 'nvidia'))
      rmSync(join(root, 'lib', 'libtorch_cuda.so'), { force: true })
      write(join(root, 'lib', 'libtorch_cuda.so'), 'not a library')
      const environment = { LIBTORCH: root, BIDORA_TORCH_ADDON: addon }
      assert.equal(load(folder, { ...environment, BIDORA_TORCH_CUDA: '0' }).cudaOpened, false)
      if (findDriver() === undefined) assert.equal(load(folder, environment).cudaOpened, false)
      assert.throws(
        () => load(folder, { ...environment, BIDORA_TORCH_CUDA: '1' }),
        /expected to load .*libtorch_cuda\.so, got: /,
      )
    })
  })

  it('does not write to the cache when it loads', async () => {
    const state = () =>
      createHash('sha256')
        .update(
          JSON.stringify(
            ['addon', 'libtorch', 'locks', 'tmp'].map(name => {
              const path = join(cacheRoot(), name)
              return statSync(path, { throwIfNoEntry: false }) ? [readdirSync(path), statSync(path).mtimeMs] : []
            }),
          ),
        )
        .digest('hex')
    const before = state()
    await inScratch(folder => void load(folder), { BIDORA_TORCH_CACHE: cacheRoot() })
    assert.equal(state(), before)
  })

  it('has a preload that refuses what is no path', () => {
    const holder = { exports: {} as { open(path: unknown): void } }
    process.dlopen(holder, join(loadNative().folder, 'preload.node'))
    const { open } = holder.exports
    for (const wrong of [undefined, 1, null, {}])
      assert.throws(() => open(wrong), { name: 'TypeError', code: 'ERR_BIDORA_PRELOAD' })
    assert.throws(() => open('/nowhere.so'), /\/nowhere\.so/)
    assert.throws(() => open(fileURLToPath(import.meta.url)), /invalid ELF header/)
  })
})
