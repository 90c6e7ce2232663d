import assert from 'node:assert/strict'
import { attachedAdapters, prepareModel, VeraLinear } from '../../../lib/adapters/index.ts'
import { drawnFrom } from '../../../lib/adapters/seeded.ts'
import { frozenLinear, Linear } from '../../../lib/nn/index.ts'
import { abs, linear, randn, sub } from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { assertLeavesNothing, tinyModel } from './tiny-model.ts'

const settings = { method: 'vera', rank: 3, targetModules: ['query', 'intermediate.dense', 'output.dense'] } as const
const largest = (value: Tensor) => abs(value).max().item() as number

describe('VeraLinear', () => {
  it('shares one pair of projections, as large as the largest layer; each takes its part', () => {
    const model = tinyModel('bert', 'float64')
    prepareModel(model, settings)
    const layers = [...attachedAdapters(model).values()] as VeraLinear[]
    assert.equal(layers.length, 8) // attention.output.dense too
    assert.equal(new Set(layers.map(({ veraA }) => veraA)).size, 1)
    const [{ veraA, veraB }] = layers as [VeraLinear]
    assert.deepEqual(
      [veraA.shape, veraB.shape],
      [
        [3, 12],
        [12, 3],
      ],
    )
    assert.equal(model.namedBuffers().filter(([, tensor]) => tensor === veraA).length, 1)
    scope(() => {
      assert.ok(largest(veraA) <= Math.sqrt(6 / 12) && largest(veraA) > 0.9 * Math.sqrt(6 / 12))
      assert.ok(largest(veraB) <= Math.sqrt(6 / 3) && largest(veraB) > 0.9 * Math.sqrt(6 / 3))
      for (const layer of layers) {
        const [out, width] = layer.weight.shape as [number, number]
        const x = randn([4, width], { dtype: 'float64' })
        layer.lambdaB = randn([out], { dtype: 'float64' })
        layer.lambdaD = randn([3], { dtype: 'float64' })
        assert.ok(largest(sub(layer.forward(x), linear(x, layer.mergedWeight(), layer.bias!))) < 1e-12)
      }
    })
    model.dispose()
  })

  it('starts as the base model and leaves it as it was, with no tensor behind', () => {
    assertLeavesNothing((model, logits, before) => {
      prepareModel(model, settings)
      assert.deepEqual(logits(), before)
    })
  })

  it('drops in training alone, and on the low-rank path alone', () => {
    manualSeed(2)
    const projections = { veraA: randn([3, 8]), veraB: randn([4, 3]) }
    const layer = new VeraLinear(new Linear(8, 4), projections, { ...settings, loraDropout: 0.5 })
    scope(() => {
      const x = randn([5, 8])
      const base = frozenLinear(x, layer.weight, layer.bias!)
      assert.equal(largest(sub(layer.forward(x), base)), 0) // lambdaB is zero
      layer.lambdaB = randn([4])
      assert.notEqual(largest(sub(layer.forward(x), layer.forward(x))), 0)
      layer.train(false)
      assert.equal(largest(sub(layer.forward(x), layer.forward(x))), 0)
    })
    layer.dispose()
  })
})

describe('drawnFrom', () => {
  it('gives the same whatever was drawn before, and leaves the generator as it was', () => {
    manualSeed(5)
    const before = getRngState()
    const one = drawnFrom(3, () => randn([4]))
    assert.deepEqual(getRngState(), before)
    manualSeed(6)
    const other = drawnFrom(3, () => randn([4]))
    assert.deepEqual(one.tolist(), other.tolist())
    assert.notDeepEqual(drawnFrom(4, () => randn([4])).tolist(), one.tolist())
    assert.throws(() => drawnFrom(3, () => assert.fail('no')), /no/)
  })
})
