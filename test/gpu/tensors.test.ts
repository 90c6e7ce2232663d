import assert from 'node:assert/strict'
import { TorchError } from '../../lib/errors.ts'
import { itemSize } from '../../lib/tensor/index.ts'
import {
  add,
  add_,
  cat,
  copy_,
  crossEntropyLoss,
  type DType,
  embedding,
  empty,
  foreachAdd,
  grad,
  index,
  indexSelect,
  linear,
  manualSeed,
  matmul,
  ones,
  randn,
  scope,
  tensor,
  zeros,
} from '../../lib/torch.ts'
import { describeOnCuda, describeOnDevice, device } from './device.ts'

const dtypes = Object.keys(itemSize) as DType[]

describeOnDevice('copies', () => {
  for (const dtype of dtypes) {
    it(`${dtype}: there and back bit for bit, contiguous or not`, () =>
      scope(() => {
        const values = [0, 1, 2, 3, 100, 127]
        const here = tensor([values, [...values].reverse()], { dtype })
        const there = here.to({ device })
        assert.ok(there.device.startsWith(device))
        assert.equal(there.dtype, dtype)
        assert.deepEqual(there.bytes(), here.bytes())
        assert.deepEqual(there.tolist(), here.tolist())
        assert.deepEqual(there.to({ device: 'cpu' }).bytes(), here.bytes())
        assert.deepEqual(there.t().tolist(), here.t().tolist())
        assert.deepEqual(here.t().to({ device }).tolist(), here.t().tolist())
        assert.deepEqual(tensor(values, { dtype, device }).tolist(), tensor(values, { dtype }).tolist())
      }))
  }

  it('int64 beyond 2^53 and float64 stay exact', () =>
    scope(() => {
      const large = BigInt64Array.of(2n ** 62n + 1n, -(2n ** 63n))
      assert.deepEqual(tensor(large, { device }).data(), large)
      assert.equal(tensor(large, { device }).select(0, 0).item({ bigint: true }), 2n ** 62n + 1n)
      const exact = Float64Array.of(0.1, Number.MIN_VALUE, Number.MAX_VALUE, Number.NaN, -0)
      assert.deepEqual(tensor(exact, { device }).data(), exact)
    }))

  it('empty tensors and numbers', () =>
    scope(() => {
      assert.deepEqual(zeros([0, 3], { device }).data(), new Float32Array(0))
      assert.equal(tensor(2.5, { device }).item(), 2.5)
    }))

  it('copy_ between devices, and a gradient that goes back over a copy', () =>
    scope(() => {
      const target = zeros([3])
      copy_(target, tensor([1, 2, 3], { device }))
      assert.deepEqual(target.tolist(), [1, 2, 3])
      const leaf = tensor([1, 2, 3], { requiresGrad: true })
      const [gradient] = grad(leaf.to({ device }).square().sum(), [leaf])
      assert.equal(gradient!.device, 'cpu')
      assert.deepEqual(gradient!.tolist(), [2, 4, 6])
    }))
})

describeOnDevice('memory', () => {
  it('an allocation that cannot be made is a TorchOutOfMemoryError, and work goes on', () => {
    assert.throws(
      () => empty([2 ** 40], { device }),
      (error: unknown) => {
        assert.ok(error instanceof TorchError)
        assert.equal(error.name, 'TorchOutOfMemoryError')
        assert.equal(error.code, 'OUT_OF_MEMORY')
        assert.match(error.message, /use a smaller batch/)
        return true
      },
    )
    scope(() => assert.equal(ones([4], { device }).sum().item(), 4))
  })

  it('so is one in the middle of an expression, whose parts are freed', () => {
    assert.throws(() => scope(() => randn([2 ** 20, 1], { device }).matmul(randn([1, 2 ** 20], { device }))), {
      name: 'TorchOutOfMemoryError',
    })
    scope(() => assert.equal(ones([4], { device }).sum().item(), 4))
  })
})

const mismatch = 'move all tensors to one device with x.to({ device })'

function refused(work: () => unknown, ...devices: string[]): void {
  assert.throws(
    () => scope(work),
    (error: unknown) => {
      assert.ok(error instanceof TorchError, String(error))
      assert.equal(error.code, 'DEVICE_MISMATCH', error.message)
      for (const part of [...devices, mismatch]) assert.ok(error.message.includes(part), error.message)
      return true
    },
  )
}

describeOnDevice('arithmetic with tensors of two devices', () => {
  it('is refused by a sentence that names both', () => {
    // Shapes without memory stand in for the second device where there is only one.
    const other = device === 'cpu' ? 'meta' : 'cpu'
    const [here, there] = [() => ones([2, 2], { device: other }), () => ones([2, 2], { device })]
    refused(() => add(here(), there()), device, other)
    refused(() => add(there(), here()), device, other)
    refused(() => add_(there(), here()), device, other)
    refused(() => foreachAdd([there()], [here()]), device, other)
  })
})

describeOnCuda('tensors of two devices in one call', () => {
  const square = (where: string) => ones([2, 2], { device: where })
  const indices = (where: string) => tensor([0, 1], { dtype: 'int64', device: where })

  it('are refused by a sentence', () => {
    refused(() => matmul(square(device), square('cpu')), 'cpu')
    refused(() => linear(square(device), square('cpu')), 'cpu')
    refused(() => cat([square(device), square('cpu')]), 'cpu')
    refused(() => embedding(square(device), indices('cpu')), 'cpu')
    refused(() => embedding(square('cpu'), indices(device)), 'cpu')
    refused(() => indexSelect(square(device), 0, indices('cpu')), 'cpu')
    refused(() => crossEntropyLoss(square(device), indices('cpu')), 'cpu')
  })

  it('in an index or a cotangent too', () => {
    refused(() => index(square('cpu'), [indices(device)]), 'cpu')
    refused(() => {
      const leaf = tensor([1, 2], { device, requiresGrad: true })
      return grad(leaf.mul(2), [leaf], { gradOutputs: [ones([2])] })
    }, 'cpu')
  })

  it('a number or a tensor of no dimension may come from the CPU', () =>
    scope(() => {
      assert.deepEqual(ones([2], { device }).add(1).tolist(), [2, 2])
      assert.deepEqual(ones([2], { device }).mul(tensor(3)).tolist(), [3, 3])
    }))

  it('a device that is not there is refused, and leaves the others usable', () => {
    assert.throws(() => zeros([1], { device: 'cuda:99' }), { name: 'TorchError' })
    scope(() => assert.equal(ones([4], { device }).sum().item(), 4))
  })

  it('manualSeed reaches every device', () =>
    scope(() => {
      manualSeed(5)
      const first = randn([8], { device }).tolist()
      randn([8], { device })
      manualSeed(5)
      assert.deepEqual(randn([8], { device }).tolist(), first)
    }))
})
