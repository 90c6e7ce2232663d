import assert from 'node:assert/strict'
import {
  attachedAdapters,
  Bottleneck,
  detachAdapters,
  mergeAdapters,
  prepareModel,
} from '../../../lib/adapters/index.ts'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { Dropout, type Layer, LayerNorm, Linear, Module } from '../../../lib/nn/index.ts'
import { abs, add, fill_, normal_, randn, relu, silu, sub, sum } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { assertLeavesNothing, tinyLogits, tinyModel } from './tiny-model.ts'

const largest = (value: Tensor) => abs(value).max().item() as number
const double = { dtype: 'float64' } as const

/** A sublayer's end under other names than BERT's. */
class End extends Module {
  cProj: Layer = new Linear(6, 6, double)
  readonly dropout: Dropout

  constructor(p: number) {
    super()
    this.dropout = new Dropout(p)
  }

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
  readonly attn: End
  readonly mlp: End

  constructor(p = 0) {
    super()
    this.attn = new End(p)
    this.mlp = new End(p)
  }
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

  it('leaves rows their masks, wherever they stand in a batch', () => {
    manualSeed(6)
    const model = new Whole(() => new Block(0.5))
    const { dropout } = (model.layer[0] as Block).mlp
    prepareModel(model, { method: 'adapter', reductionFactor: 3 })
    scope(() => {
      const end = (model.layer[0] as Block).mlp.dropout as unknown as Bottleneck
      noGrad(() => void fill_(end.up.weight, 0))
      const [input, residual] = [randn([3, 6], double), randn([3, 6], double)]
      const rows = tensor([4, 0, 9], { dtype: 'int64' })
      const seeded = (make: () => Tensor) => {
        manualSeed(7)
        return make().tolist()
      }
      const got = seeded(() => end.forward(input, { rows, residual }))
      assert.deepEqual(
        got,
        seeded(() => add(dropout.forward(input, { rows }), residual)),
      )
      assert.notDeepEqual(
        got,
        seeded(() => add(dropout.forward(input), residual)),
      )
    })
    model.dispose()
  })

  it('is float32 beside 16-bit weights, and gives their type', () => {
    for (const adapterKind of ['houlsby', 'pfeiffer'] as const) {
      const [wide, narrow] = (['float32', 'bfloat16'] as const).map(dtype => {
        const model = tinyModel('bert', dtype)
        manualSeed(8)
        prepareModel(model, { method: 'adapter', adapterKind, reductionFactor: 2 })
        const [layer] = attachedAdapters(model).values() as Iterable<Bottleneck>
        scope(() => noGrad(() => void fill_(layer!.up.bias!, 0.5)))
        for (const own of layer!.adapterParameters()) assert.equal(own.dtype, 'float32')
        const logits = scope(() => {
          const result = tinyLogits(model)
          assert.equal(result.dtype, dtype)
          for (const gradient of grad(sum(result), layer!.adapterParameters())) assert.equal(gradient.dtype, 'float32')
          return result.tolist() as number[][]
        })
        model.dispose()
        return logits.flat()
      }) as [number[], number[]]
      narrow.forEach((value, i) => assert.ok(Math.abs(value - wide[i]!) < 0.01, `${value} ${wide[i]}`))
    }
  })

  it('keeps out of what is trained in full, and stands in layers that repeat alone', () => {
    const model = tinyModel('roberta') // whose classifier ends in a dropout too
    prepareModel(model, { method: 'adapter', head: ['layer.1'] })
    assert.deepEqual(
      [...attachedAdapters(model).keys()],
      ['attention.output', 'output'].map(end => `roberta.encoder.layer.0.${end}.dropout`),
    )
    model.dispose()
  })

  it('pfeiffer reads the norm that follows, also where the layer around the sublayer has it', () => {
    manualSeed(9)
    const model = new Whole(() => new DistilledBlock())
    const block = model.layer[0] as DistilledBlock
    prepareModel(model, { method: 'adapter', adapterKind: 'pfeiffer', reductionFactor: 3 })
    scope(() => {
      const { outputLayerNorm: layerNorm } = block
      const end = block.ffn.dropout as unknown as Bottleneck
      const { down, up } = end
      noGrad(() => [layerNorm, down, up].forEach(({ weight, bias }) => void [weight, bias!].forEach(x => normal_(x))))
      const [product, residual] = [randn([3, 6], double), randn([3, 6], double)]
      const inside = relu(down.forward(layerNorm.forward(add(product, residual))))
      const expected = add(add(product, up.forward(inside)), residual)
      assert.ok(largest(sub(end.forward(product, { residual }), expected)) < 1e-13)
    })
    model.dispose()
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
    for (const reductionFactor of [0, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => prepareModel(model, { method: 'adapter', reductionFactor }), /reductionFactor/)
    assert.equal(attachedAdapters(model).size, 0)
    prepareModel(model, { method: 'adapter' })
    assert.throws(() => mergeAdapters(model), /which no plain layer can stand for/)
    model.dispose()
  })
})
