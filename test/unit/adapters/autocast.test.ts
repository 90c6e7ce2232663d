import assert from 'node:assert/strict'
import {
  type MagnitudeAxis,
  bidoraLinear,
  directionNorm,
  loraLinear,
  mergedWeight,
  orthogonality,
} from '../../../lib/adapters/index.ts'
import { autocast, grad } from '../../../lib/autograd/index.ts'
import { addcmul, addmm, linear, mean, randn, square, sum, t, to } from '../../../lib/ops/index.ts'
import { scope, type Tensor } from '../../../lib/tensor/index.ts'
import { randomLayer } from './layers.ts'

const narrow = (tensor: Tensor) => to(tensor, { dtype: 'bfloat16' })
const list = (tensor: Tensor) => tensor.tolist()

describe('adapters under autocast', () => {
  const layerOf = (how: { magnitudeAxis?: MagnitudeAxis; detachNorm?: boolean } = {}) =>
    randomLayer({ magnitudeAxis: 'out', dtype: 'float32', out: 6, width: 8, ...how })

  for (const magnitudeAxis of ['out', 'in'] as const) {
    it(`axis ${magnitudeAxis}: norms, merged weight and regulariser keep all digits`, () =>
      scope(() => {
        const layer = layerOf({ magnitudeAxis })
        const all = () => [directionNorm(layer), mergedWeight(layer), orthogonality([layer])].map(list)
        assert.deepEqual(autocast('bfloat16', all), all())
      }))
  }

  it('loraLinear multiplies in bfloat16 throughout', () =>
    scope(() => {
      const layer = layerOf()
      const x = randn([4, 8])
      const y = autocast('bfloat16', () => loraLinear(x, layer))
      const base = linear(narrow(x), narrow(layer.weight), narrow(layer.bias))
      const low = linear(narrow(x), narrow(layer.loraA))
      assert.equal(y.dtype, 'bfloat16')
      assert.deepEqual(list(y), list(addmm(base, low, t(narrow(layer.loraB)), { alpha: layer.scaling })))
    }))

  it('bidoraLinear scales the product by a gain with all digits, and rounds once', () =>
    scope(() => {
      const layer = layerOf()
      const x = randn([4, 8])
      const y = autocast('bfloat16', () => bidoraLinear(x, layer))
      const product = autocast('bfloat16', () => loraLinear(x, { ...layer, bias: null }))
      const gain = layer.magnitude.div(directionNorm(layer))
      assert.equal(y.dtype, 'bfloat16')
      assert.deepEqual(list(y), list(narrow(addcmul(layer.bias, to(product, { dtype: 'float32' }), gain))))
    }))

  for (const magnitudeAxis of ['out', 'in'] as const) {
    for (const detachNorm of [false, true]) {
      it(`gradients of ${magnitudeAxis}, norm ${detachNorm ? 'detached' : 'in the graph'}, are near those of float32`, () =>
        scope(() => {
          const layer = layerOf({ magnitudeAxis, detachNorm })
          const x = randn([4, 8])
          const inputs = [layer.loraA, layer.loraB, layer.magnitude]
          const loss = () => mean(square(to(bidoraLinear(x, layer), { dtype: 'float32' })))
          const got = grad(autocast('bfloat16', loss), inputs)
          const expected = grad(loss(), inputs)
          for (const [i, gradient] of got.entries()) {
            assert.equal(gradient.dtype, 'float32')
            const error = sum(square(gradient.sub(expected[i]!))).item()
            const size = sum(square(expected[i]!)).item()
            assert.ok(error < 1e-2 * size, `input ${i}: ${Math.sqrt(error / size)} off`)
          }
        }))
    }
  }
})
