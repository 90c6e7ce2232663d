import assert from 'node:assert/strict'
import { adaptedLayers, prepareModel, trainableParameters, type TuningSettings } from '../../../lib/adapters/index.ts'
import { createModel } from '../../../lib/models/index.ts'
import { grad } from '../../../lib/autograd/index.ts'
import { square, sum } from '../../../lib/ops/index.ts'
import { scope } from '../../../lib/tensor/index.ts'
import { assertLeavesNothing, tinyLogits, tinyModel } from './tiny-model.ts'

const adapter = { rank: 2, loraAlpha: 4, targetModules: ['query', 'value'] }
const names = (settings: TuningSettings) => {
  const model = tinyModel()
  prepareModel(model, settings)
  const { lower, upper } = trainableParameters(model)
  model.dispose()
  return { lower: lower.map(([name]) => name), upper: upper.map(([name]) => name) }
}
const paths = [0, 1].flatMap(layer =>
  ['query', 'value'].map(kind => `bert.encoder.layer.${layer}.attention.self.${kind}`),
)
const of = (...kinds: string[]) => paths.flatMap(path => kinds.map(kind => `${path}.${kind}`))
const head = ['classifier.weight', 'classifier.bias']

describe('methods', () => {
  it('bidora: directions and head below, magnitudes above', () =>
    assert.deepEqual(names({ method: 'bidora', ...adapter }), {
      lower: [...of('loraA', 'loraB'), ...head],
      upper: of('magnitude'),
    }))
  it('dora: all on one level', () =>
    assert.deepEqual(names({ method: 'dora', ...adapter }), {
      lower: [...of('loraA', 'loraB', 'magnitude'), ...head],
      upper: [],
    }))
  it('lora', () =>
    assert.deepEqual(names({ method: 'lora', ...adapter }), { lower: [...of('loraA', 'loraB'), ...head], upper: [] }))
  it('rslora: as lora', () =>
    assert.deepEqual(names({ method: 'rslora', ...adapter }), names({ method: 'lora', ...adapter })))
  it('vera: the two vectors of each layer', () =>
    assert.deepEqual(names({ method: 'vera', rank: 2, targetModules: ['query', 'value'] }), {
      lower: [...of('lambdaB', 'lambdaD'), ...head],
      upper: [],
    }))
  it('adalora: the triplets of each layer', () =>
    assert.deepEqual(names({ method: 'adalora', ...adapter }), {
      lower: [...of('loraA', 'loraE', 'loraB'), ...head],
      upper: [],
    }))
  it('fourierft: the spectrum of each layer', () =>
    assert.deepEqual(names({ method: 'fourierft', nFrequency: 5, targetModules: ['query', 'value'] }), {
      lower: [...of('spectrum'), ...head],
      upper: [],
    }))
  it('head', () => assert.deepEqual(names({ method: 'head' }), { lower: head, upper: [] }))
  it('head with more modules', () =>
    assert.deepEqual(names({ method: 'head', head: ['classifier', 'pooler'] }).lower, [
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      ...head,
    ]))
  it('bitfit: every bias and the head', () => {
    const { lower } = names({ method: 'bitfit' })
    assert.ok(head.every(name => lower.includes(name)))
    assert.ok(lower.every(name => name.endsWith('.bias') || name === 'classifier.weight'))
    assert.equal(lower.filter(name => name.includes('layer.0')).length, 8)
  })
  it('bitfit: 26,882 of the parameters of MiniLM-L6 with two labels', () => {
    const shape = { hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 12, intermediate_size: 1536 }
    const model = createModel(
      { model_type: 'bert', vocab_size: 30522, max_position_embeddings: 512, ...shape },
      { device: 'meta' },
    )
    const settings: TuningSettings = { method: 'bitfit' }
    prepareModel(model, settings)
    const count = trainableParameters(model).lower.reduce((sum, [, { numel }]) => sum + numel, 0)
    // Six layers with biases of four projections, two norms, and the two halves of the feed-forward part; norm of the
    // embeddings; pooler; head.
    assert.equal(count, 6 * (4 * 384 + 2 * 384 + 1536 + 384) + 384 + 384 + (2 * 384 + 2))
    assert.equal(count, 26_882)
    model.dispose()
  })
  it('full: everything', () => {
    const model = tinyModel()
    const all = model.namedParameters().map(([name]) => name)
    model.dispose()
    assert.deepEqual(names({ method: 'full' }), { lower: all, upper: [] })
  })

  for (const method of ['bidora', 'dora', 'lora'] as const) {
    for (const magnitudeAxis of ['out', 'in'] as const) {
      it(`${method}, axis ${magnitudeAxis}: the output starts as the base model's; exactly what trains gets gradients`, () => {
        const model = tinyModel('bert', 'float64')
        scope(() => {
          const base = tinyLogits(model).tolist() as number[][]
          prepareModel(model, { method, ...adapter, magnitudeAxis })
          const logits = tinyLogits(model)
          ;(logits.tolist() as number[][]).forEach((row, i) =>
            row.forEach((value, k) => assert.ok(Math.abs(value - base[i]![k]!) < 1e-14)),
          )
          const { lower, upper } = trainableParameters(model)
          const gradients = grad(
            sum(square(logits)),
            [...lower, ...upper].map(([, tensor]) => tensor),
          )
          assert.ok(gradients.every(gradient => (gradient.reshape([-1]).tolist() as number[]).every(Number.isFinite)))
          assert.equal(
            model.namedParameters().filter(([, tensor]) => tensor.requiresGrad).length,
            lower.length + upper.length,
          )
        })
        model.dispose()
      })
    }
  }

  it('attach and detach leave the base as it was, and no tensor behind', () => {
    assertLeavesNothing(model => {
      prepareModel(model, { method: 'bidora', ...adapter })
      assert.equal(adaptedLayers(model).size, 4)
    })
  })

  it('another method after detaching trains only its own', () => {
    const model = tinyModel()
    prepareModel(model, { method: 'bitfit' })
    prepareModel(model, { method: 'lora', ...adapter })
    assert.deepEqual(
      trainableParameters(model).lower.map(([name]) => name),
      [...of('loraA', 'loraB'), ...head],
    )
    model.dispose()
  })

  it('refuses adapters on adapters, and leaves the model as it is', () => {
    const model = tinyModel()
    prepareModel(model, { method: 'lora', ...adapter })
    assert.throws(() => prepareModel(model, { method: 'dora', ...adapter }), /expected a model without adapters/)
    assert.equal(adaptedLayers(model).size, 4)
    model.dispose()
  })

  it('refuses a model with nothing to classify with', () => {
    const model = tinyModel()
    assert.throws(() => prepareModel(model, { method: 'head', head: [] }), /head: expected a head to train/)
    model.dispose()
  })

  it('refuses a weight that another module shares', () => {
    const model = tinyModel()
    const [one, two] = paths.map(path => model.getModule(path) as unknown as { weight: unknown })
    one!.weight = two!.weight
    assert.throws(
      () => prepareModel(model, { method: 'lora', ...adapter }),
      /expected a weight of its own in .*query, got one that .*value shares/,
    )
    model.dispose()
  })
})
