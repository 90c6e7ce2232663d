import assert from 'node:assert/strict'
import { gradcheck, gradgradcheck } from '../../../lib/autograd/check.ts'
import { ArgumentError, TorchError } from '../../../lib/errors.ts'
import { detach, mul, sqrt, sum } from '../../../lib/ops/index.ts'
import { memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const double = (values: number[], requiresGrad = true): Tensor => tensor(values, { dtype: 'float64', requiresGrad })

describe('gradcheck', () => {
  it('accepts right derivatives, of every output and input', () =>
    scope(() => {
      const inputs = [double([1, 2, 3]), double([0.5, -1, 2]), double([4, 4, 4], false)]
      const compute = (x: Tensor, y: Tensor, z: Tensor) => [mul(mul(x, y), z), sum(mul(x, x))]
      gradcheck(compute as never, inputs)
      gradgradcheck(compute as never, inputs)
    }))

  it('finds a gradient that is missing, and says where', () =>
    scope(() => {
      assert.throws(
        () => gradcheck(x => mul(x, detach(x)), [double([1, 2])]),
        (error: TorchError) =>
          error.code === 'GRADIENT_MISMATCH' &&
          /output 0 \[0\] \/ d input 0 \[0\] to be 2.* got 1 /.test(error.message),
      )
    }))

  it('finds a second derivative that is missing', () =>
    scope(() => {
      // The first derivative is right, but a part of it is held constant.
      const compute = (x: Tensor) => sum(mul(x, detach(x)))
      assert.throws(() => gradgradcheck(x => mul(compute(x), x), [double([1, 2])]), TorchError)
    }))

  it('does not take NaN for right', () =>
    scope(() => {
      assert.throws(() => gradcheck(x => sqrt(mul(x, x)), [double([0])]), TorchError)
    }))

  it('refuses float32 and inputs without gradients', () =>
    scope(() => {
      assert.throws(() => gradcheck(x => x, [tensor([1], { requiresGrad: true })]), ArgumentError)
      assert.throws(() => gradcheck(x => x, [double([1], false)]), /expected an input that requires a gradient/)
    }))

  it('leaves nothing behind', () => {
    const x = double([1, 2])
    const before = memoryStats().liveTensors
    gradgradcheck(y => mul(y, y), [x])
    assert.equal(memoryStats().liveTensors, before)
    x.dispose()
  })
})
