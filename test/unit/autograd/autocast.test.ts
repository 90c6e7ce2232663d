import assert from 'node:assert/strict'
import { autocast, isAutocastEnabled } from '../../../lib/autograd/index.ts'
import { matmul } from '../../../lib/ops/index.ts'
import { memoryStats, ones, scope, type Tensor } from '../../../lib/torch.ts'

const dtypeOf = (x: Tensor) => scope(() => matmul(x, x).dtype)

describe('autocast', () => {
  let x: Tensor
  beforeEach(() => {
    x = ones([2, 2])
  })
  afterEach(() => x.dispose())

  it('is on inside and off outside', () => {
    assert.equal(
      autocast('bfloat16', () => dtypeOf(x)),
      'bfloat16',
    )
    assert.equal(dtypeOf(x), 'float32')
    assert.equal(isAutocastEnabled(), false)
  })

  it('is off for undefined, and stays off there whatever is asked for inside', () => {
    const seen = autocast('bfloat16', () => [
      autocast(undefined, () => dtypeOf(x)),
      autocast(undefined, () => autocast('bfloat16', () => dtypeOf(x))),
      dtypeOf(x),
    ])
    assert.deepEqual(seen, ['float32', 'float32', 'bfloat16'])
    assert.equal(
      autocast(undefined, () => autocast('bfloat16', () => dtypeOf(x), { device: 'cpu' }), { device: 'cuda' }),
      'bfloat16',
    )
  })

  it('speaks of one device where it is named', () => {
    assert.equal(
      autocast('bfloat16', () => dtypeOf(x), { device: 'cuda' }),
      'float32',
    )
    assert.deepEqual(
      autocast('bfloat16', () => [isAutocastEnabled('cpu'), isAutocastEnabled('cuda')], { device: 'cuda' }),
      [false, true],
    )
    assert.deepEqual(
      autocast('bfloat16', () =>
        autocast(undefined, () => [isAutocastEnabled('cpu'), isAutocastEnabled('cuda')], { device: 'cpu' }),
      ),
      [false, true],
    )
  })

  it('is put back where the function throws', () => {
    const fault = new Error('mine')
    for (const dtype of ['bfloat16', undefined] as const) {
      assert.throws(
        () =>
          autocast(dtype, () => {
            throw fault
          }),
        fault,
      )
      assert.equal(dtypeOf(x), 'float32')
      assert.equal(
        autocast('bfloat16', () => dtypeOf(x)),
        'bfloat16',
      )
    }
  })

  it('refuses functions that return a promise, and is off afterwards', () => {
    assert.throws(() => autocast('bfloat16', async () => {}), { code: 'ASYNC_MODE' })
    assert.throws(() => autocast(undefined, async () => {}), { code: 'ASYNC_MODE' })
    assert.equal(dtypeOf(x), 'float32')
  })

  it('refuses other types and devices by a sentence', () => {
    const other = (dtype: string, device?: string) => () =>
      autocast(dtype as 'bfloat16', () => {}, device === undefined ? {} : { device: device as 'cpu' })
    assert.throws(other('float16'), /float16 needs its losses scaled/)
    assert.throws(other('float32'), { code: 'AUTOCAST_DTYPE' })
    assert.throws(other('bfloat16', 'tpu'), /expected device 'cpu' or 'cuda', got tpu/)
  })

  it('keeps no cast copy after its end', () => {
    const weight = ones([256, 256]) // large enough to be counted
    weight.requiresGrad = true
    const before = memoryStats().usedBytes
    autocast('bfloat16', () => {
      scope(() => void matmul(weight, weight))
      assert.ok(memoryStats().usedBytes > before, 'it is kept inside')
    })
    assert.equal(memoryStats().usedBytes, before)
    weight.dispose()
  })
})
