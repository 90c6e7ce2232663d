import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { findLibtorch, setFolder } from '../../../lib/setup/find-libtorch.ts'
import { cacheRoot } from '../../../lib/setup/locate.ts'
import { silent } from '../../../lib/setup/progress.ts'
import { nvidiaRequirements, provisionLibtorch } from '../../../lib/setup/provision.ts'
import { offlineIndex, torchWheels } from './fake-wheels.ts'
import { fakeProgram, inScratch } from './surroundings.ts'

const version = '2.13.0'

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

function assertNothingKept(): void {
  assert.ok(!existsSync(join(cacheRoot(), 'libtorch')))
  assert.deepEqual(readdirSync(join(cacheRoot(), 'tmp')), [])
}

describe('setup/provision', () => {
  it('takes from the wheels what the CPU set needs and nothing else', async () => {
    await inScratch(async folder => {
      torchWheels(join(folder, 'index'), version)
      assert.equal(await provisionLibtorch(version, 'cpu', silent), true)
      assert.deepEqual(files(setFolder(version, 'cpu')), [
        'nvidia/cu99/lib/libcudart.so.99',
        'nvidia/cu99/lib/libcupti.so.99',
        'torch/include/ATen/ATen.h',
        'torch/lib/libc10.so',
        'torch/lib/libgomp.so.1',
        'torch/lib/libtorch_cpu.so',
        'torch/version.py',
      ])
      assert.equal(findLibtorch()?.version, '2.13.0+cu999')
      assert.equal(await provisionLibtorch(version, 'cpu', silent), false)
    })
  })

  it('takes every library of the CUDA set but those of Python', async () => {
    await inScratch(async folder => {
      torchWheels(join(folder, 'index'), version)
      await provisionLibtorch(version, 'cuda', silent)
      const kept = files(setFolder(version, 'cuda'))
      for (const path of [
        'nvidia/cu99/lib/libcublas.so.99',
        'nvidia/nccl/lib/libnccl.so.2',
        'torch/lib/libtorch_cuda.so',
      ]) {
        assert.ok(kept.includes(path), path)
      }
      assert.ok(!kept.some(path => /torch_python|\.py$/.test(path) && path !== 'torch/version.py'))
      assert.equal(findLibtorch({ flavour: 'cuda' })?.hasCuda, true)
    })
  })

  it('keeps nothing of a wheel that lacks a library', async () => {
    await inScratch(async folder => {
      torchWheels(join(folder, 'index'), version, { without: 'torch/lib/libtorch_cpu.so' })
      await assert.rejects(provisionLibtorch(version, 'cpu', silent), {
        code: 'WHEEL_INCOMPLETE',
        message: /expected the wheel of torch 2\.13\.0 to hold torch\/lib\/libtorch_cpu\.so/,
      })
      assertNothingKept()
    })
  })

  it('says that a wheel has no CUDA libraries', async () => {
    await inScratch(async folder => {
      torchWheels(join(folder, 'index'), version, { without: 'torch/lib/libtorch_cuda.so' })
      await assert.rejects(provisionLibtorch(version, 'cuda', silent), { message: /use --device cpu on this machine/ })
      assertNothingKept()
    })
  })

  it('refuses a version that was never tested before it fetches anything', async () => {
    await inScratch(async () => {
      await assert.rejects(provisionLibtorch('2.9.0', 'cpu', silent), { code: 'LIBTORCH_UNTESTED' })
      assert.ok(!existsSync(cacheRoot()))
    })
  })

  it('says that the index has no such wheel', async () => {
    await inScratch(async folder => {
      offlineIndex(join(folder, 'index'), [])
      await assert.rejects(provisionLibtorch(version, 'cpu', silent), {
        code: 'WHEEL_MISSING',
        message:
          /expected torch==2\.13\.0 in pip's package index, got no wheel of it for this machine; choose another version/,
      })
      assertNothingKept()
    })
  })

  it('says that there is no network', async () => {
    await inScratch(
      async () => {
        await assert.rejects(provisionLibtorch(version, 'cpu', silent), {
          code: 'NETWORK',
          message:
            /expected pip to download torch==2\.13\.0, got no connection to its package index; check the network/,
        })
        assertNothingKept()
      },
      { PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '1', PIP_FIND_LINKS: '', PIP_NO_INDEX: '0' },
    )
  })

  it('says that Python or pip is missing', async () => {
    await inScratch(async folder => {
      process.env.PATH = join(folder, 'nothing')
      await assert.rejects(provisionLibtorch(version, 'cpu', silent), {
        code: 'PYTHON_MISSING',
        message: /apt-get install python3-pip/,
      })
      process.env.PATH = fakeProgram(join(folder, 'bin'), 'python3', 'echo "python3: No module named pip" >&2; exit 1')
      await assert.rejects(provisionLibtorch(version, 'cpu', silent), {
        code: 'PIP_MISSING',
        message: /expected python3 with pip, got one without/,
      })
    })
  })

  it('passes on what pip said when it is none of these', async () => {
    await inScratch(async folder => {
      process.env.PATH = fakeProgram(join(folder, 'bin'), 'python3', 'echo "ERROR: hash mismatch" >&2; exit 1')
      await assert.rejects(provisionLibtorch(version, 'cpu', silent), { code: 'PIP_FAILED', message: /hash mismatch/ })
    })
  })

  it('reads the requirements of every supported wheel, and of one without CUDA', () => {
    const toolkit = 'cuda-toolkit[cublas,cudart,cupti]==13.0.2; platform_system == "Linux"'
    assert.deepEqual(
      nvidiaRequirements([toolkit, 'nvidia-nccl-cu13==2.28; platform_system == "Linux"', 'sympy'], 'cpu'),
      ['cuda-toolkit[cudart,cupti]==13.0.2'],
    )
    assert.deepEqual(nvidiaRequirements([toolkit, 'nvidia-nccl-cu13==2.28', 'triton==3'], 'cuda'), [
      'cuda-toolkit[cublas,cudart,cupti]==13.0.2',
      'nvidia-nccl-cu13==2.28',
    ])
    assert.deepEqual(nvidiaRequirements(['nvidia-cuda-runtime-cu12==12.8', 'nvidia-cublas-cu12==12.8'], 'cpu'), [
      'nvidia-cuda-runtime-cu12==12.8',
    ])
    assert.deepEqual(nvidiaRequirements(['sympy', 'filelock'], 'cpu'), [])
  })
})
