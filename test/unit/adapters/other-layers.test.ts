import assert from 'node:assert/strict'
import {
  adaptedLayers,
  type AdapterSettings,
  attachAdapters,
  detachAdapters,
  findTargets,
  mergeAdapters,
  orthogonality,
  prepareModel,
  trainableParameters,
  type TuningSettings,
} from '../../../lib/adapters/index.ts'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { Conv1D, Embedding, Linear, Module } from '../../../lib/nn/index.ts'
import { add_, contiguous, diagonal, mm, randn, square, sub, sum, t } from '../../../lib/ops/index.ts'
import { manualSeed, memoryStats, reclaimMemory, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'
import { batchOf } from '../models/texts.ts'
import { tinyClassifier, tinyLanguageModel } from '../models/tiny-gpt2.ts'

const largest = (x: Tensor) => Number(x.abs().max().item())
const float64 = { dtype: 'float64' } as const

/** One layer of each kind; `linear` has the weights of `conv`, the right way round. */
class Layers extends Module {
  linear = new Linear(5, 7, float64)
  conv = new Conv1D(5, 7, float64)
  table = new Embedding(6, 4, { ...float64, paddingIndex: 2 })

  constructor() {
    super()
    this.linear.setTensor('weight', contiguous(t(this.conv.weight.detach())))
    this.linear.setTensor('bias', randn([7], float64))
    this.conv.setTensor('bias', this.linear.bias!.detach().clone())
  }
}

function adapted(settings: Partial<AdapterSettings>): Layers {
  manualSeed(1)
  const model = new Layers()
  const targets = (['linear', 'conv', 'table'] as const).map(name => [name, model[name]] as const)
  attachAdapters(model, targets, { method: 'bidora', rank: 2, loraAlpha: 3, ...settings })
  const layers = [...adaptedLayers(model).values()]
  noGrad(() => {
    for (const layer of layers)
      for (const own of layer.adapterParameters()) add_(own, randn(own.shape, float64), { alpha: 0.3 })
    const [linear, conv] = layers as [(typeof layers)[0], (typeof layers)[0]]
    for (const name of ['loraA', 'loraB', 'magnitude'] as const) if (linear[name]) conv[name]!.copy_(linear[name])
  })
  return model
}

const kinds: [name: string, settings: Partial<AdapterSettings>][] = [
  ['lora', { method: 'lora' }],
  ['dora', { method: 'dora' }],
  ['bidora', { method: 'bidora' }],
  ['bidora, axis in', { method: 'bidora', magnitudeAxis: 'in' }],
]

describe('adapters on Conv1D and Embedding', () => {
  for (const [name, settings] of kinds) {
    it(`${name}: Conv1D computes what Linear does, gradients too`, () => {
      const model = adapted(settings)
      scope(() => {
        const { linear, conv } = Object.fromEntries(adaptedLayers(model)) as Record<string, ReturnType<typeof layerOf>>
        const x = randn([2, 3, 5], float64)
        const [a, b] = [linear!, conv!].map(layer => layer.forward(x)) as [Tensor, Tensor]
        assert.ok(largest(sub(a, b)) < 1e-14)
        const [g, h] = [[a, linear!] as const, [b, conv!] as const].map(([y, layer]) =>
          grad(sum(square(y)), layer.adapterParameters()),
        ) as [Tensor[], Tensor[]]
        g.forEach((one, i) => assert.ok(largest(sub(one, h[i]!)) < 1e-12))
        assert.deepEqual([linear!.isTurned, conv!.isTurned], [false, true])
        if (settings.method !== 'lora')
          assert.ok(largest(sub(orthogonality([linear as never]), orthogonality([conv as never]))) < 1e-13)
      })
      model.dispose()
    })

    it(`${name}: an embedding looks up the rows of its merged table, gradients too`, () => {
      const model = adapted({ ...settings, detachNorm: false })
      scope(() => {
        const table = layerOf(model, 'table')
        const indices = tensor(
          [
            [0, 5, 3],
            [3, 1, 4],
          ],
          { dtype: 'int64' },
        )
        const got = table.forward(indices) // [2, 3, 4]
        const oneHot = tensor(
          (indices.tolist() as number[][]).flat().map(at => Array.from({ length: 6 }, (_, i) => (i === at ? 1 : 0))),
          float64,
        )
        const expected = mm(oneHot, t(table.mergedWeight())) // [6, 4], by the dense table
        assert.ok(largest(sub(got.reshape([6, 4]), expected)) < 1e-14)
        const [g, h] = [got, expected].map(y => grad(sum(square(y)), table.adapterParameters())) as [Tensor[], Tensor[]]
        g.forEach((one, i) => assert.ok(largest(sub(one, h[i]!)) < 1e-12, `${i}`))
        // The padding row is looked up, and gets no gradient.
        const [ofA] = grad(sum(square(table.forward(tensor([2, 2], { dtype: 'int64' })))), [table.loraA])
        assert.equal(largest(ofA!) === 0, settings.method === 'lora' || settings.magnitudeAxis === 'in')
      })
      model.dispose()
    })

    it(`${name}: merges, comes back to the bit, and ends as plain layers`, () => {
      const model = adapted(settings)
      scope(() => {
        const x = randn([3, 5], float64)
        const indices = tensor([0, 2, 5], { dtype: 'int64' })
        const both = () => [layerOf(model, 'conv').forward(x), layerOf(model, 'table').forward(indices)]
        const before = both()
        const merge = mergeAdapters(model)
        assert.ok(model.conv instanceof Conv1D && model.table instanceof Embedding)
        assert.deepEqual(
          [model.conv.weight.shape, model.table.weight.shape, model.table.paddingIndex],
          [[5, 7], [6, 4], 2],
        )
        both().forEach((y, i) => assert.ok(largest(sub(y, before[i]!)) < 1e-13))
        merge.undo()
        both().forEach((y, i) => assert.deepEqual(y.tolist(), before[i]!.tolist()))
        mergeAdapters(model).finish()
        both().forEach((y, i) => assert.ok(largest(sub(y, before[i]!)) < 1e-13))
        assert.equal(adaptedLayers(model).size, 0)
        assert.equal(model.parameters().length, 5)
      })
      model.dispose()
    })
  }

  it('begin as the layers they stand in for, and leave them as they were', () => {
    manualSeed(2)
    const model = new Layers()
    scope(() => {
      const x = randn([3, 5], float64)
      const indices = tensor([0, 2, 5], { dtype: 'int64' })
      const both = () => [layerOf(model, 'conv').forward(x).tolist(), layerOf(model, 'table').forward(indices).tolist()]
      const before = both()
      const targets = [
        ['conv', model.conv],
        ['table', model.table],
      ] as const
      attachAdapters(model, targets, { method: 'bidora', rank: 2, loraAlpha: 3 })
      const [conv, table] = [layerOf(model, 'conv'), layerOf(model, 'table')]
      assert.deepEqual(
        [conv.weight.shape, conv.loraA.shape, conv.loraB.shape, conv.magnitude!.shape],
        [[7, 5], [2, 5], [7, 2], [7]],
      )
      assert.deepEqual(
        [table.weight.shape, table.loraA.shape, table.loraB.shape, table.magnitude!.shape],
        [[4, 6], [2, 6], [4, 2], [4]],
      )
      assert.equal(largest(table.loraA), 0)
      assert.ok(largest(table.loraB) > 0)
      const [atConv, atTable] = [conv.forward(x), table.forward(indices)]
      assert.ok(largest(sub(atConv, tensor(before[0] as number[][], float64))) < 1e-14)
      assert.deepEqual(atTable.tolist(), before[1])
      detachAdapters(model)
      assert.deepEqual(both(), before)
    })
    model.dispose()
  })

  it('give what a 16-bit table gives, and add to it in float32', () => {
    for (const [name, settings] of kinds) {
      manualSeed(5)
      const model = new Layers()
      model.to({ dtype: 'bfloat16' })
      attachAdapters(model, [['table', model.table]], { method: 'bidora', rank: 2, loraAlpha: 3, ...settings })
      scope(() => {
        const table = layerOf(model, 'table')
        noGrad(() => table.adapterParameters().forEach(own => void add_(own, randn(own.shape), { alpha: 0.3 })))
        for (const own of table.adapterParameters()) assert.equal(own.dtype, 'float32', name)
        const indices = tensor([0, 5, 3], { dtype: 'int64' })
        const got = table.forward(indices)
        assert.equal(got.dtype, 'bfloat16', name)
        // What the same numbers give in float32; the terms of the norm are rounded too.
        const wide = Object.assign(Object.create(table) as typeof table, {
          weight: table.weight.to({ dtype: 'float32' }),
        })
        const expected = table.forward.call(wide, indices)
        const [values, exact] = [got, expected].map(y => (y.tolist() as number[][]).flat()) as [number[], number[]]
        values.forEach((value, i) =>
          assert.ok(Math.abs(value - exact[i]!) <= 2 ** -7 * Math.abs(exact[i]!), `${name}: ${value}, ${exact[i]}`),
        )
      })
      model.dispose()
    }
  })

  it('are refused by the methods that know linear layers alone', () => {
    const model = tinyClassifier()
    for (const settings of [
      { method: 'vera', rank: 2 },
      { method: 'fourierft', nFrequency: 4 },
      { method: 'adalora', rank: 2, loraAlpha: 4 },
      { method: 'bidora', compat: 'official', rank: 2 },
    ] as const)
      assert.throws(
        () => prepareModel(model, { ...settings, targetModules: ['c_attn'] } as TuningSettings),
        /expected linear layers for this method, got transformer\.h\.0\.attn\.c_attn, a Conv1D/,
      )
    assert.ok(model.parameters().length > 0)
    model.dispose()
  })

  it('leave no memory behind', () => {
    reclaimMemory()
    const before = memoryStats().liveTensors
    scope(() => {
      const model = adapted({})
      mergeAdapters(model).finish()
      model.dispose()
      adapted({}).dispose()
      const detached = adapted({})
      detachAdapters(detached)
      detached.dispose()
    })
    assert.equal(memoryStats().liveTensors, before)
  })

  it('take GPT-2 at its fused projection and its tables, with the levels of BiDoRA', () => {
    manualSeed(3)
    const model = tinyClassifier({}, float64)
    scope(() => {
      const batch = batchOf([
        [2, 5, 7],
        [4, 1],
      ])
      const before = model.forward(batch).logits
      prepareModel(model, { method: 'bidora', rank: 2, loraAlpha: 4, targetModules: ['c_attn', 'wte', 'wpe'] })
      assert.ok(largest(sub(model.forward(batch).logits, before)) < 1e-12)
      const { lower, upper } = trainableParameters(model)
      assert.deepEqual(
        upper.map(([path]) => path),
        [
          'transformer.wte.magnitude',
          'transformer.wpe.magnitude',
          'transformer.h.0.attn.cAttn.magnitude',
          'transformer.h.1.attn.cAttn.magnitude',
        ],
      )
      assert.equal(lower.length, 9)
      assert.equal(upper.at(-1)![1].shape[0], 48)
      const gradients = grad(
        sum(square(model.forward(batch).logits)),
        upper.map(([, one]) => one),
      )
      for (const gradient of gradients) assert.ok(largest(gradient) > 0)
      assert.ok(largest(diagonal(orthogonality([...adaptedLayers(model).values()]).reshape([1, 1]))) > 0)
    })
    model.dispose()
  })

  it("take 'all-linear' without embeddings and without a language model's output", () => {
    const model = tinyLanguageModel({ tie_word_embeddings: false })
    const paths = findTargets(model, 'all-linear', []).map(([path]) => path)
    assert.equal(paths.length, 8)
    assert.ok(paths.every(path => /\.(cAttn|cProj|cFc)$/.test(path)))
    assert.deepEqual(
      findTargets(model, ['lm_head'], []).map(([path]) => path),
      ['lmHead'],
    )
    model.dispose()
  })

  it('are refused where a weight is tied, before anything is changed', () => {
    const model = tinyLanguageModel()
    const settings = { method: 'dora', rank: 2, loraAlpha: 4, head: [] } as const
    for (const name of ['wte', 'lm_head']) {
      assert.throws(() => prepareModel(model, { ...settings, targetModules: [name] }), {
        code: 'ADAPTER_TIED',
        message:
          name === 'wte'
            ? /weight of its own in transformer\.wte, got one that lm_head shares/
            : /in lm_head, got one that transformer\.wte shares/,
      })
    }
    prepareModel(model, { ...settings, targetModules: ['wpe'] })
    model.dispose()
  })

  it('need a head but for a language model', () => {
    const model = tinyLanguageModel()
    const settings = { method: 'lora', rank: 2, loraAlpha: 4, targetModules: ['c_attn'] } as const
    assert.throws(() => prepareModel(model, settings), /expected a head to train/)
    assert.throws(() => prepareModel(model, { method: 'head', head: [] }), /expected a head to train/)
    prepareModel(model, { ...settings, head: [] })
    assert.equal(trainableParameters(model).lower.length, 4)
    model.dispose()
  })
})

describe('patterns of rank and alpha', () => {
  const base = { method: 'lora', rank: 4, loraAlpha: 8, targetModules: ['c_attn', 'c_fc'] } as const
  const prepared = (settings: Partial<TuningSettings>) => {
    const model = tinyClassifier()
    prepareModel(model, { ...base, ...settings } as TuningSettings)
    const found = [...adaptedLayers(model)].map(([path, layer]) => [
      path.replace('transformer.h.', ''),
      layer.loraA.shape[0],
      layer.scaling,
    ])
    model.dispose()
    return found
  }

  it('go by the end of the path, the first that matches', () => {
    assert.deepEqual(
      prepared({
        rankPattern: { 'h.1.attn.c_attn': 2, c_attn: 3 },
        alphaPattern: { '[0-9].mlp.c_fc': 2 },
      }),
      [
        ['0.attn.cAttn', 3, 8 / 3],
        ['0.mlp.cFc', 4, 0.5],
        ['1.attn.cAttn', 2, 4],
        ['1.mlp.cFc', 4, 0.5],
      ],
    )
  })

  it('are refused where they match no layer or cannot be meant', () => {
    assert.throws(
      () => prepared({ rankPattern: { 'tn.c_attn': 2 } }),
      /rankPattern: expected the end of an adapted layer's path, got 'tn.c_attn'/,
    )
    assert.throws(
      () => prepared({ alphaPattern: { '(c_fc': 2 } }),
      /regular expression for the end of a path, got '\(c_fc'/,
    )
    assert.throws(() => prepared({ rankPattern: { c_fc: 1.5 } }), /expected rank to be a whole number above 0, got 1.5/)
    assert.throws(() => prepared({ alphaPattern: { c_fc: 0 } }), /expected loraAlpha to be a number above 0, got 0/)
  })
})

function layerOf(model: Module, path: string) {
  return model.getModule(path) as NonNullable<ReturnType<ReturnType<typeof adaptedLayers>['get']>>
}
