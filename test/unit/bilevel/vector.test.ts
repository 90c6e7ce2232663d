import assert from 'node:assert/strict'
import { dot, norm, rounding, widened } from '../../../lib/bilevel/vector.ts'
import { scope, tensor } from '../../../lib/tensor/index.ts'

const single = (values: number[]) => tensor(values, { dtype: 'float32' })

describe('a list of tensors as one vector', () => {
  it('has its norm and its products in float64, also where float32 would lose the smaller part', () =>
    scope(() => {
      const [length, product] = [
        norm([single([2 ** 12]), single([1])]),
        dot([single([2 ** 24]), single([1])], [single([1]), single([1])]),
      ]
      assert.deepEqual([length.dtype, product.dtype], ['float64', 'float64'])
      assert.equal(length.item(), Math.sqrt(2 ** 24 + 1))
      assert.equal(product.item(), 2 ** 24 + 1)
      assert.equal(dot([single([2 ** 24, 1])], [single([1, 1])]).item(), 2 ** 24 + 1, 'within one tensor too')
    }))

  it('is widened to float32 at least, as copies', () =>
    scope(() => {
      const vector = (['float64', 'float32', 'bfloat16'] as const).map(dtype => tensor([1], { dtype }))
      const wide = widened(vector)
      assert.deepEqual(
        wide.map(({ dtype }) => dtype),
        ['float64', 'float32', 'float32'],
      )
      for (const part of wide) part.zero_()
      for (const part of vector) assert.deepEqual(part.tolist(), [1])
    }))

  it('rounds as the narrowest of its types', () =>
    scope(() => {
      const of = (...dtypes: ('float64' | 'float32' | 'float16' | 'bfloat16')[]) =>
        rounding(dtypes.map(dtype => tensor([1], { dtype })))
      assert.deepEqual(
        [of('float64'), of('float64', 'float32'), of('float16'), of('float32', 'bfloat16')],
        [2 ** -52, 2 ** -23, 2 ** -10, 2 ** -7],
      )
    }))
})
