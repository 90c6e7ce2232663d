import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadNative } from '../../../lib/native.ts'
import { findDriver } from '../../../lib/setup/driver.ts'
import { cacheRoot } from '../../../lib/setup/locate.ts'

/** Folders of the cache that may hold a torch with CUDA: fetched sets, and the environments of the peer tests. */
function candidates(): string[] {
  const inFolder = (folder: string) => (existsSync(folder) ? readdirSync(folder).map(name => join(folder, name)) : [])
  const sets = inFolder(join(cacheRoot(), 'libtorch')).map(path => join(path, 'torch'))
  const pythons = inFolder(join(cacheRoot(), 'peers')).flatMap(path => inFolder(join(path, 'lib')))
  return [...sets, ...pythons.map(path => join(path, 'site-packages', 'torch'))]
}

describe('libtorch with CUDA and no driver', function () {
  this.timeout(120_000)

  it('works on the CPU, and says in one sentence what CUDA lacks', function () {
    if (findDriver({ probe: true })) {
      console.log('      skipped: a driver answers here; npm run test:gpu is for that')
      return this.skip()
    }
    const root = candidates().find(path => existsSync(join(path, 'lib', 'libtorch_cuda.so')))
    if (root === undefined) {
      console.log(
        '      skipped: no libtorch with CUDA in the cache; `npx bidora-torch setup --device cuda` fetches one',
      )
      return this.skip()
    }
    const module = (name: string) => JSON.stringify(new URL(`../../../lib/${name}.js`, import.meta.url).href)
    const code = `
      import { loadNative } from ${module('native')}
      import * as torch from ${module('torch')}
      const { libtorch, cudaOpened } = loadNative()
      const failures = {}
      const run = (name, use) => { try { use(); failures[name] = 'nothing' } catch (e) { failures[name] = [e.name, e.code, e.message] } }
      run('zeros', () => torch.zeros([1], { device: 'cuda' }))
      run('rand', () => torch.rand([1], { device: 'cuda:0' }))
      run('to', () => torch.zeros([1]).to({ device: 'cuda' }))
      run('tensor', () => torch.tensor([1], { device: 'cuda' }))
      run('getRngState', () => torch.getRngState('cuda'))
      const x = torch.tensor([3], { requiresGrad: true })
      console.log(JSON.stringify({
        cudaOpened, version: libtorch.version, built: torch.cuda.isBuilt(), available: torch.cuda.isAvailable(), failures,
        auto: torch.resolveDevice('auto'), bytes: torch.cuda.memory().allocatedBytes, gradient: torch.grad(x.mul(x).sum(), [x])[0].item(),
      }))`
    const env = { ...process.env, LIBTORCH: root, BIDORA_TORCH_CUDA: '1' }
    let answer: string
    try {
      answer = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
        encoding: 'utf8',
        env,
        stdio: 'pipe',
      })
    } catch (error) {
      if (!/ADDON_MISSING|ADDON_MISMATCH/.test(String(error))) throw error
      console.log(`      skipped: no addon for ${root}; this one is for libtorch ${loadNative().libtorch.version}`)
      return this.skip()
    }
    const { failures, version, ...rest } = JSON.parse(answer)
    assert.match(version, /^2\./)
    assert.deepEqual(rest, { cudaOpened: true, built: true, available: false, auto: 'cpu', bytes: 0, gradient: 6 })
    for (const [name, failure] of Object.entries(failures as Record<string, string[]>)) {
      assert.deepEqual([name, ...failure.slice(0, 2)], [name, 'TorchError', 'NO_CUDA_DRIVER'])
      assert.match(failure[2] as string, /Found no NVIDIA driver on your system.*use device "cpu"/)
    }
  })
})
