import assert from 'node:assert/strict'
import {
  AdaptedLinear,
  type AdapterSettings,
  mergeAdapters,
  prepareModel,
  trainableParameters,
} from '../../../lib/adapters/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError, TorchError } from '../../../lib/errors.ts'
import { frozenLinear, levelOf, Linear } from '../../../lib/nn/index.ts'
import { abs, add_, fill_, normal_, randn, sub } from '../../../lib/ops/index.ts'
import { manualSeed, memoryStats, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { tinyLogits, tinyModel } from './tiny-model.ts'

const settings: AdapterSettings = { method: 'bidora', rank: 3, loraAlpha: 6 }
const largest = (value: Tensor) => abs(value).max().item() as number

describe('AdaptedLinear', () => {
  it('starts loraA Kaiming-uniform(a = sqrt 5), loraB at zero, the magnitude at the norms', () => {
    manualSeed(1)
    const base = new Linear(50, 20)
    const layer = new AdaptedLinear(base, settings)
    assert.ok(largest(layer.loraA) <= 1 / Math.sqrt(50))
    assert.ok(largest(layer.loraA) > 0.9 / Math.sqrt(50))
    assert.equal(largest(layer.loraB), 0)
    assert.equal(layer.scaling, 2)
    const norms = (base.weight.tolist() as number[][]).map(row => Math.hypot(...row))
    ;(layer.magnitude!.tolist() as number[]).forEach((value, i) => assert.ok(Math.abs(value - norms[i]!) < 1e-6))
    assert.deepEqual(
      layer.namedParameters().map(([name, tensor]) => [name, tensor.requiresGrad, levelOf(tensor)]),
      [
        ['weight', false, undefined],
        ['bias', false, undefined],
        ['loraA', true, 'lower'],
        ['loraB', true, 'lower'],
        ['magnitude', true, 'upper'],
      ],
    )
    layer.dispose()
  })

  it("has float32 adapters on a 16-bit weight and takes the weight's type otherwise", () => {
    for (const [dtype, expected] of [
      ['bfloat16', 'float32'],
      ['float64', 'float64'],
    ] as const) {
      const layer = new AdaptedLinear(new Linear(8, 4, { dtype }), settings)
      for (const tensor of layer.adapterParameters()) assert.equal(tensor.dtype, expected)
      scope(() => assert.equal(layer.forward(randn([2, 8], { dtype })).dtype, dtype))
      layer.dispose()
    }
  })

  it('drops in training alone, and on the low-rank path alone', () => {
    manualSeed(2)
    const layer = new AdaptedLinear(new Linear(8, 4, { bias: false }), {
      ...settings,
      method: 'lora',
      loraDropout: 0.5,
    })
    scope(() => {
      noGrad(() => normal_(layer.loraB))
      const x = randn([4, 8])
      const run = () => layer.forward(x)
      assert.notEqual(largest(sub(run(), run())), 0)
      layer.train(false)
      assert.equal(largest(sub(run(), run())), 0)
      layer.train()
      noGrad(() => fill_(layer.loraB, 0))
      assert.equal(largest(sub(run(), frozenLinear(x, layer.weight))), 0)
    })
    layer.dispose()
  })

  it('gives back the layer it was made from', () => {
    const base = new Linear(8, 4)
    const live = memoryStats().liveTensors
    const layer = new AdaptedLinear(base, settings)
    scope(() => void layer.forward(randn([1, 8])))
    assert.equal(layer.detach(), base)
    assert.equal(memoryStats().liveTensors, live)
    base.dispose()
  })

  it('refuses settings that cannot be meant', () => {
    const base = new Linear(8, 4)
    const wrong: Partial<Record<keyof AdapterSettings, unknown>>[] = [
      { rank: 0 },
      { rank: 1.5 },
      { loraAlpha: 0 },
      { loraAlpha: Number.NaN },
      { loraDropout: 1 },
      { loraDropout: -0.1 },
      { magnitudeAxis: 'row' },
      { method: 'full' },
    ]
    for (const change of wrong) {
      assert.throws(
        () => new AdaptedLinear(base, { ...settings, ...change } as AdapterSettings),
        (error: Error) => error instanceof ArgumentError && error.message.includes(Object.keys(change)[0]!),
      )
    }
    base.dispose()
  })

  it('says what it is', () => {
    const layer = new AdaptedLinear(new Linear(8, 4), settings)
    assert.match(String(layer), /AdaptedLinear\(bidora, 8, 4, rank=3, scaling=2/)
    layer.dispose()
  })
})

describe('mergeAdapters', () => {
  const train = (model: ReturnType<typeof tinyModel>) => {
    manualSeed(9)
    const { lower, upper } = trainableParameters(model)
    noGrad(() =>
      scope(() =>
        [...lower, ...upper].forEach(
          ([, tensor]) => void add_(tensor, randn(tensor.shape, { dtype: tensor.dtype }), { alpha: 0.3 }),
        ),
      ),
    )
  }

  for (const method of ['bidora', 'dora', 'lora'] as const) {
    for (const magnitudeAxis of ['out', 'in'] as const) {
      it(`${method}, axis ${magnitudeAxis}: the merged model computes the same; undo brings the adapters back to the bit`, () => {
        const model = tinyModel('bert', 'float64')
        prepareModel(model, {
          method,
          rank: 2,
          loraAlpha: 4,
          targetModules: ['query', 'value', 'intermediate.dense'],
          magnitudeAxis,
        })
        train(model)
        scope(() => {
          const adapted = tinyLogits(model)
          const live = memoryStats().liveTensors
          const merge = mergeAdapters(model)
          assert.equal(model.namedParameters().filter(([name]) => /lora|magnitude/.test(name)).length, 0)
          assert.ok(scope(() => largest(sub(tinyLogits(model), adapted))) < 1e-12)
          merge.undo()
          assert.equal(
            scope(() => largest(sub(tinyLogits(model), adapted))),
            0,
          )
          assert.equal(memoryStats().liveTensors, live)
          mergeAdapters(model).finish()
          assert.ok(scope(() => largest(sub(tinyLogits(model), adapted))) < 1e-12)
        })
        assert.deepEqual(
          model.namedParameters().map(([name]) => name),
          namesOfPlain(),
        )
        model.dispose()
      })
    }
  }

  const namesOfPlain = () => {
    const plain = tinyModel('bert', 'float64')
    const names = plain.namedParameters().map(([name]) => name)
    plain.dispose()
    return names
  }

  it('leaves no tensor behind', () => {
    const live = memoryStats().liveTensors
    const model = tinyModel()
    prepareModel(model, { method: 'bidora', rank: 2, loraAlpha: 4, targetModules: ['query'] })
    mergeAdapters(model).finish()
    model.dispose()
    assert.equal(memoryStats().liveTensors, live)
  })

  it('refuses a model without adapters, and weights that are not finite', () => {
    const model = tinyModel()
    assert.throws(() => mergeAdapters(model), /expected a model with adapters/)
    prepareModel(model, { method: 'lora', rank: 2, loraAlpha: 4, targetModules: ['query'] })
    noGrad(() =>
      fill_((model.getModule('bert.encoder.layer.1.attention.self.query') as AdaptedLinear).loraB, Number.NaN),
    )
    const live = memoryStats().liveTensors
    assert.throws(
      () => mergeAdapters(model),
      (error: Error) =>
        error instanceof TorchError && /bert\.encoder\.layer\.1\.attention\.self\.query/.test(error.message),
    )
    assert.ok(model.getModule('bert.encoder.layer.0.attention.self.query') instanceof AdaptedLinear)
    assert.equal(memoryStats().liveTensors, live)
    model.dispose()
  })
})
