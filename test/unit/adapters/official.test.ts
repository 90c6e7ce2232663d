import assert from 'node:assert/strict'
import {
  attachedAdapters,
  OfficialLinear,
  officialOrthogonality,
  prepareModel,
  trainableParameters,
} from '../../../lib/adapters/index.ts'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { levelOf, Linear } from '../../../lib/nn/index.ts'
import { abs, add, linear, matmul, mul, normal_, randn, sub, sum } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { assertLeavesNothing, tinyModel } from './tiny-model.ts'

const settings = { method: 'bidora', compat: 'official', rank: 3, targetModules: ['query', 'value'] } as const
const largest = (value: Tensor) => abs(value).max().item() as number

describe('OfficialLinear', () => {
  it('starts as the transposed layer: x W + b, with loraA of deviation 1', () => {
    manualSeed(1)
    const layer = new OfficialLinear(new Linear(40, 40, { dtype: 'float64' }), settings)
    scope(() => {
      const x = randn([5, 40], { dtype: 'float64' })
      const expected = add(matmul(x, layer.weight), layer.bias!)
      assert.ok(largest(sub(layer.forward(x), expected)) < 1e-12)
      assert.ok(largest(sub(layer.forward(x), linear(x, layer.weight, layer.bias!))) > 0.1)
      const values = (layer.loraA.tolist() as number[][]).flat()
      const variance = values.reduce((total, value) => total + value ** 2, 0) / values.length
      assert.ok(Math.abs(variance - 1) < 0.4, String(variance))
      const columns = (layer.weight.tolist() as number[][])[0]!.map((_, j) =>
        Math.hypot(...(layer.weight.tolist() as number[][]).map(row => row[j]!)),
      )
      ;(layer.magnitude.tolist() as number[]).forEach((value, j) => assert.ok(Math.abs(value - columns[j]!) < 1e-12))
    })
    layer.dispose()
  })

  it('is the plain layer of its merged weight; columns of V are orthogonal to the gradient by them', () => {
    manualSeed(2)
    const layer = new OfficialLinear(new Linear(6, 6, { dtype: 'float64' }), settings)
    layer.weight.requiresGrad = true
    scope(() => {
      noGrad(() => void normal_(layer.loraB))
      const x = randn([4, 6], { dtype: 'float64' })
      assert.ok(largest(sub(layer.forward(x), linear(x, layer.mergedWeight(), layer.bias!))) < 1e-12)
      // The norm is in the graph (method.md 1.6): <dL/dV[:, j], V[:, j]> = 0, and dL/dW = dL/dV.
      const [byWeight] = grad(sum(mul(layer.forward(x), randn([4, 6], { dtype: 'float64' }))), [layer.weight])
      const combined = add(layer.weight, matmul(layer.loraB, layer.loraA))
      assert.ok(largest(sum(mul(byWeight!, combined), { dim: [0] })) < 1e-12)
      assert.ok(largest(byWeight!) > 1e-3)
    })
    layer.dispose()
  })

  it('drops the input of the whole layer', () => {
    manualSeed(3)
    const layer = new OfficialLinear(new Linear(8, 8), { ...settings, loraDropout: 0.5 })
    scope(() => {
      const x = randn([4, 8]) // loraB is zero: only the frozen path could differ
      assert.notEqual(largest(sub(layer.forward(x), layer.forward(x))), 0)
      layer.train(false)
      assert.equal(largest(sub(layer.forward(x), layer.forward(x))), 0)
    })
    layer.dispose()
  })

  it('has a regulariser of the directions that the pretrained weight feels too', () => {
    manualSeed(4)
    const layer = new OfficialLinear(new Linear(5, 5, { dtype: 'float64' }), settings)
    layer.weight.requiresGrad = true
    scope(() => {
      const value = officialOrthogonality([layer, layer])
      const rows = layer.direction().tolist() as number[][]
      let total = 0
      for (let i = 0; i < 5; i++) {
        for (let j = 0; j < 5; j++) {
          const inner = rows.reduce((all, row) => all + row[i]! * row[j]!, 0)
          total += (inner - (i === j ? 1 : 0)) ** 2
        }
      }
      assert.ok(Math.abs((value.item() as number) - Math.sqrt(total)) < 1e-12)
      assert.ok(largest(grad(value, [layer.weight])[0]!) > 1e-3)
    })
    layer.dispose()
  })

  it('trains everything but the magnitudes below, and leaves the base as it was', () => {
    assertLeavesNothing((model, logits, before) => {
      const count = model.parameters().length
      prepareModel(model, settings)
      const { lower, upper } = trainableParameters(model)
      assert.equal(attachedAdapters(model).size, 4)
      assert.deepEqual([lower.length, upper.length], [count + 8, 4])
      assert.ok(upper.every(([name, tensor]) => name.endsWith('.magnitude') && levelOf(tensor) === 'upper'))
      assert.notDeepEqual(logits(), before)
    })
  })

  it('refuses a weight that is not square, by its name', () => {
    const model = tinyModel()
    assert.throws(
      () => prepareModel(model, { ...settings, targetModules: ['query', 'intermediate.dense'] }),
      (error: Error) =>
        error instanceof ArgumentError &&
        /square .* \[12, 8\] in bert\.encoder\.layer\.0\.intermediate/.test(error.message),
    )
    model.dispose()
  })
})
