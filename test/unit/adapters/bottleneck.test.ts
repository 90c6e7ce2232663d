import assert from 'node:assert/strict'
import {
  attachedAdapters,
  Bottleneck,
  detachAdapters,
  mergeAdapters,
  prepareModel,
} from '../../../lib/adapters/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { Dropout, type Layer, LayerNorm, Linear, Module } from '../../../lib/nn/index.ts'
import { abs, add, normal_, randn, relu, silu, sub } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { assertLeavesNothing, tinyLogits, tinyModel } from './tiny-model.ts'

const largest = (value: Tensor) => abs(value).max().item() as number
const double = { dtype: 'float64' } as const

/** A sublayer's end under other names than BERT's. */
class End extends Module {
  cProj: Layer = new Linear(6, 6, double)
  readonly dropout = new Dropout(0)

  forward(input: Tensor, residual: Tensor): Tensor {
    return this.dropout.forward(this.cProj.forward(input), { residual })
  }
}
class Attention extends Module {
  outLin: Layer = new Linear(6, 6, double)
}
class FeedForward extends Module {
  lin2: Layer = new Linear(6, 6, double)
  readonly dropout = new Dropout(0)
}
class Block extends Module {
  readonly attn = new End()
  readonly mlp = new End()
}
class DistilledBlock extends Module {
  readonly attention = new Attention()
  readonly ffn = new FeedForward()
  readonly outputLayerNorm = new LayerNorm(6, double)
}
class Whole extends Module {
  readonly layer: Module[]
  readonly classifier = new Linear(6, 2, double)
  constructor(block: () => Module) {
    super()
    this.layer = [block(), block()]
  }
}

describe('Bottleneck', () => {
  it('starts normal with deviation 0.02, biases at zero, so that little changes', () => {
    const model = tinyModel('bert', 'float64')
    scope(() => {
      const before = noGrad(() => tinyLogits(model))
      prepareModel(model, { method: 'adapter', reductionFactor: 2 })
      const all = [...attachedAdapters(model)]
      assert.deepEqual(
        all.map(([path]) => path),
        [0, 1].flatMap(layer =>
          ['attention.output', 'output'].map(end => `bert.encoder.layer.${layer}.${end}.dropout`),
        ),
      )
      for (const [, layer] of all) {
        assert.ok(layer instanceof Bottleneck)
        assert.deepEqual(
          [layer.down.weight.shape, layer.up.weight.shape],
          [
            [4, 8],
            [8, 4],
          ],
        )
        assert.ok(largest(layer.down.weight) > 0 && largest(layer.down.weight) < 0.1)
        assert.equal(largest(layer.up.bias!), 0)
      }
      const change = largest(
        sub(
          noGrad(() => tinyLogits(model)),
          before,
        ),
      )
      assert.ok(change > 0 && change < 0.01, String(change))
    })
    model.dispose()
  })

  it('is in the same places under the names of other models', () => {
    manualSeed(3)
    for (const [block, ends] of [
      [() => new Block(), ['attn.dropout', 'mlp.dropout']],
      [() => new DistilledBlock(), ['attention.outLin', 'ffn.dropout']],
    ] as const) {
      for (const adapterKind of ['houlsby', 'pfeiffer'] as const) {
        const model = new Whole(block)
        prepareModel(model, { method: 'adapter', adapterKind })
        const expected = adapterKind === 'houlsby' ? ends : ends.slice(1)
        assert.deepEqual(
          [...attachedAdapters(model).keys()],
          [0, 1].flatMap(layer => expected.map(end => `layer.${layer}.${end}`)),
        )
        model.dispose()
      }
    }
  })

  it('adds to the product before the residual; without a norm after it, pfeiffer reads their sum', () => {
    manualSeed(4)
    for (const adapterKind of ['houlsby', 'pfeiffer'] as const) {
      const model = new Whole(() => new Block())
      prepareModel(model, { method: 'adapter', adapterKind, reductionFactor: 3 })
      scope(() => {
        const end = (model.layer[0] as Block).mlp
        const { down, up } = end.dropout as unknown as Bottleneck
        noGrad(() => [down, up].forEach(({ weight, bias }) => void [weight, bias!].forEach(each => normal_(each))))
        const [input, residual] = [randn([3, 6], double), randn([3, 6], double)]
        const product = end.cProj.forward(input)
        const read = adapterKind === 'houlsby' ? product : add(product, residual)
        const inside = (adapterKind === 'houlsby' ? silu : relu)(down.forward(read))
        const expected = add(add(product, up.forward(inside)), residual)
        assert.ok(largest(sub(end.forward(input, residual), expected)) < 1e-14)
      })
      model.dispose()
    }
  })

  it('stands in a projection that no dropout follows', () => {
    manualSeed(5)
    const model = new Whole(() => new DistilledBlock())
    const { attention } = model.layer[1] as DistilledBlock
    const plain = attention.outLin
    prepareModel(model, { method: 'adapter', reductionFactor: 3, adapterActivation: 'relu' })
    scope(() => {
      const { down, up } = attention.outLin as unknown as Bottleneck
      const input = randn([3, 6], double)
      const product = plain.forward(input)
      const expected = add(product, up.forward(relu(down.forward(product))))
      assert.ok(largest(sub(attention.outLin.forward(input), expected)) < 1e-14)
    })
    detachAdapters(model)
    assert.equal(attention.outLin, plain)
    model.dispose()
  })

  it('leaves the base as it was, and no tensor behind', () => {
    assertLeavesNothing(model => prepareModel(model, { method: 'adapter', adapterKind: 'pfeiffer' }))
  })

  it('refuses a model without such places, a wrong factor, and merging', () => {
    const none = new Whole(() => new Attention())
    assert.throws(
      () => prepareModel(none, { method: 'adapter' }),
      (error: Error) => error instanceof ArgumentError && /got 0 and 2|got 2 and 0/.test(error.message),
    )
    none.dispose()
    const model = tinyModel()
    for (const reductionFactor of [0, 0.5, Number.NaN])
      assert.throws(() => prepareModel(model, { method: 'adapter', reductionFactor }), /reductionFactor/)
    assert.equal(attachedAdapters(model).size, 0)
    prepareModel(model, { method: 'adapter' })
    assert.throws(() => mergeAdapters(model), /which no plain layer can stand for/)
    model.dispose()
  })
})
