import assert from 'node:assert/strict'
import { itemSize } from '../../../lib/tensor/index.ts'
import { type DType, tensor } from '../../../lib/torch.ts'

describe('tensor', () => {
  it('makes float32 of nested numbers and gives them back', () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ])
    assert.deepEqual(x.shape, [2, 3])
    assert.equal(x.dtype, 'float32')
    assert.deepEqual(x.tolist(), [
      [1, 2, 3],
      [4, 5, 6],
    ])
  })

  it('gives float64 back exactly', () => {
    const values = [Math.PI, 1e-310, -1.7976931348623157e308, 0.1 + 0.2, -0]
    const list = tensor(values, { dtype: 'float64' }).tolist() as number[]
    values.forEach((value, i) => {
      assert.ok(Object.is(list[i], value))
    })
  })

  it('keeps the dtype of typed arrays, booleans and bigints', () => {
    assert.equal(tensor(new Float64Array([1])).dtype, 'float64')
    assert.equal(tensor(new Float32Array([1])).dtype, 'float32')
    assert.equal(tensor(new BigInt64Array([1n])).dtype, 'int64')
    assert.equal(tensor(new Int32Array([1])).dtype, 'int32')
    assert.equal(tensor(new Uint8Array([1])).dtype, 'uint8')
    assert.equal(tensor([true, false]).dtype, 'bool')
    assert.equal(tensor([1n]).dtype, 'int64')
    assert.deepEqual(tensor([true, false]).tolist(), [true, false])
  })

  it('reads a typed array that is a view into a larger buffer', () => {
    const buffer = new Float32Array([0, 1, 2, 3, 4, 5])
    const x = tensor(buffer.subarray(2, 6), { shape: [2, 2] })
    buffer[2] = 99
    assert.deepEqual(x.tolist(), [
      [2, 3],
      [4, 5],
    ])
  })

  it('converts between dtypes in both directions', () => {
    for (const dtype of (Object.keys(itemSize) as DType[]).filter(dtype => dtype !== 'bool')) {
      const x = tensor([0, 1, 100], { dtype })
      assert.equal(x.dtype, dtype)
      assert.deepEqual(x.tolist(), [0, 1, 100])
    }
    assert.deepEqual(tensor([0, 2, -1], { dtype: 'bool' }).tolist(), [false, true, true])
    assert.deepEqual(tensor(new Float64Array([1.5, 2.5]), { dtype: 'bfloat16' }).tolist(), [1.5, 2.5])
    assert.ok(tensor([1.5], { dtype: 'bfloat16', requiresGrad: true }).requiresGrad)
  })

  it('makes scalars, empty tensors and zero-sized dimensions', () => {
    assert.deepEqual(tensor(3).shape, [])
    assert.equal(tensor(3).item(), 3)
    assert.deepEqual(tensor([]).shape, [0])
    assert.deepEqual(tensor([[], []]).shape, [2, 0])
    assert.deepEqual(tensor([[], []]).tolist(), [[], []])
  })

  it('gives int64 as numbers, and refuses what a number cannot hold', () => {
    assert.deepEqual(tensor([2 ** 53 - 1], { dtype: 'int64' }).tolist(), [2 ** 53 - 1])
    const large = tensor([2n ** 53n, -(2n ** 63n)])
    assert.throws(() => large.tolist(), { name: 'TorchError', code: 'UNSAFE_INTEGER' })
    assert.deepEqual(large.tolist({ bigint: true }), [2n ** 53n, -(2n ** 63n)])
    assert.deepEqual(tensor([1, 2], { dtype: 'int64' }).tolist({ bigint: true }), [1n, 2n])
    assert.throws(() => tensor(2n ** 60n).item(), { code: 'UNSAFE_INTEGER' })
    assert.equal(tensor(2n ** 60n).item({ bigint: true }), 2n ** 60n)
  })

  it('refuses ragged rows, wrong elements, wrong ranges and wrong shapes', () => {
    assert.throws(() => tensor([[1, 2], [3]]), { name: 'ShapeError', code: 'RAGGED' })
    assert.throws(() => tensor([1, [2]] as never), { name: 'ShapeError' })
    assert.throws(() => tensor([[1], 2] as never), { name: 'ShapeError' })
    assert.throws(() => tensor(['1'] as never), { name: 'ArgumentError', code: 'ELEMENT' })
    assert.throws(() => tensor([null] as never), { code: 'ELEMENT' })
    assert.throws(() => tensor(undefined as never), { code: 'ELEMENT' })
    assert.throws(() => tensor([300], { dtype: 'uint8' }), { code: 'INTEGER' })
    assert.throws(() => tensor([1.5], { dtype: 'int64' }), { code: 'INTEGER' })
    assert.throws(() => tensor([2 ** 53], { dtype: 'int64' }), { code: 'INTEGER' })
    assert.throws(() => tensor([2n ** 64n]), { code: 'INTEGER' })
    assert.throws(() => tensor([1, 2, 3], { shape: [2, 2] }), { name: 'ShapeError' })
    assert.throws(() => tensor([1, 2], { shape: [-1, -2] }), { name: 'ArgumentError' })
    assert.throws(() => tensor(new Float32Array(0), { shape: [0, -1] }))
    assert.throws(() => tensor([1], { dtype: 'float' as never }), { code: 'DTYPE' })
    assert.throws(() => tensor([1], { device: 'gpu' }), { name: 'ArgumentError' })
    assert.throws(() => tensor(new Uint16Array([1]) as never), { code: 'TYPED_ARRAY' })
    assert.throws(() => tensor([1], { dtype: 'int64', requiresGrad: true }), { name: 'TorchError' })
  })

  it('prints itself', () => {
    assert.equal(String(tensor([1, 2.5])), 'Tensor([2], float32, cpu) [1, 2.5]')
    assert.match(
      String(tensor(new Float32Array(5000))),
      /^Tensor\(\[5000\], float32, cpu\) \[0, 0, 0, \.\.\., 0, 0, 0\]$/,
    )
    const x = tensor([1])
    x.dispose()
    assert.equal(String(x), 'Tensor(disposed)')
    assert.match(String(tensor([2n ** 60n])), /1152921504606846976/)
  })
})
