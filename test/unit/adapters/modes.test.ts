import assert from 'node:assert/strict'
import {
  AdaptedLinear,
  attachedAdapters,
  attachAdapters,
  detachAdapters,
  mergeAdapters,
  prepareModel,
  type TuningSettings,
} from '../../../lib/adapters/index.ts'
import { Conv1D, Embedding, Linear, Module } from '../../../lib/nn/index.ts'
import { memoryStats } from '../../../lib/tensor/index.ts'
import { tinyModel } from './tiny-model.ts'

/** One layer of each kind. */
class Layers extends Module {
  readonly linear = new Linear(4, 4)
  readonly conv = new Conv1D(4, 4)
  readonly table = new Embedding(5, 4)
}

function adapted(): Layers {
  const model = new Layers()
  const targets = (['linear', 'conv', 'table'] as const).map(name => [name, model[name]] as const)
  attachAdapters(model, targets, { method: 'dora', rank: 2, loraAlpha: 4, loraDropout: 0.5 })
  return model
}

const targetModules = ['query', 'value']
const methods: TuningSettings[] = [
  { method: 'bidora', rank: 2, loraAlpha: 4, targetModules },
  { method: 'adalora', rank: 2, loraAlpha: 4, targetModules },
  { method: 'vera', rank: 2, targetModules },
  { method: 'fourierft', nFrequency: 4, targetModules },
  { method: 'bidora', compat: 'official', rank: 2, targetModules },
  { method: 'adapter' },
]

/** Checks the mode of every module. */
function assertMode(model: Module, mode: boolean): void {
  for (const [path, module] of model.namedModules()) assert.equal(module.training, mode, path)
}

describe('layers with adapters', () => {
  it('leave the mode of the model to what takes their place', () => {
    const detached = adapted()
    detached.train(false)
    detachAdapters(detached)
    const merged = adapted()
    merged.train(false)
    mergeAdapters(merged).finish()
    for (const model of [detached, merged]) {
      assertMode(model, false)
      model.dispose()
    }
  })

  for (const settings of methods) {
    const name = 'compat' in settings ? 'compat official' : settings.method
    it(`${name}: take the mode of the model, dropout too, and give it back`, () => {
      const dropout = ['vera', 'adalora', 'bidora'].includes(settings.method) ? { loraDropout: 0.5 } : {}
      for (const mode of [true, false]) {
        const model = tinyModel().train(mode)
        prepareModel(model, { ...settings, ...dropout } as TuningSettings)
        // The halves of a bottleneck are plain layers, which drop nothing.
        for (const [path, layer] of attachedAdapters(model)) {
          assert.equal(layer.training, mode, path)
          if ('dropout' in layer) assert.equal((layer.dropout as Module).training, mode, path)
        }
        model.train(!mode)
        detachAdapters(model)
        assertMode(model, !mode)
        if (settings.method !== 'adapter') {
          prepareModel(model, settings)
          const paths = [...attachedAdapters(model).keys()]
          model.train(mode)
          mergeAdapters(model).finish()
          assertMode(model, mode)
          for (const path of paths) assert.equal((model.getModule(path) as Linear).weight.requiresGrad, false, path)
        }
        model.dispose()
      }
    })

    it(`${name}: what was moved meanwhile stays where it is`, () => {
      const model = tinyModel()
      const live = memoryStats().liveTensors
      prepareModel(model, settings)
      model.to({ dtype: 'float64' })
      detachAdapters(model)
      const all = model.namedParameters()
      assert.ok(all.length > 30)
      for (const [path, tensor] of all) assert.deepEqual([tensor.disposed, tensor.dtype], [false, 'float64'], path)
      assert.equal(memoryStats().liveTensors, live)
      if (settings.method !== 'adapter') {
        prepareModel(model, settings)
        model.to({ dtype: 'float32' })
        mergeAdapters(model).finish()
        for (const [path, tensor] of model.namedParameters())
          assert.deepEqual([tensor.disposed, tensor.dtype], [false, 'float32'], path)
      }
      model.dispose()
    })
  }

  it('of every kind: what was moved meanwhile stays where it is', () => {
    const live = memoryStats().liveTensors
    const detached = adapted().to({ dtype: 'float64' })
    detachAdapters(detached)
    const merged = adapted().to({ dtype: 'float64' })
    mergeAdapters(merged).finish()
    for (const model of [detached, merged]) {
      const all = model.namedParameters()
      assert.equal(all.length, 5)
      for (const [path, tensor] of all) assert.deepEqual([tensor.disposed, tensor.dtype], [false, 'float64'], path)
      model.dispose()
    }
    assert.equal(memoryStats().liveTensors, live)
  })

  it('hold the norm for DoRA and differentiate it for BiDoRA unless they are told', () => {
    const holds = (method: 'dora' | 'bidora', detachNorm?: boolean) => {
      const layer = new AdaptedLinear(new Linear(4, 4), { method, rank: 2, loraAlpha: 4, detachNorm })
      const held = layer.detachNorm
      layer.dispose()
      return held
    }
    assert.deepEqual(
      [holds('dora'), holds('bidora'), holds('dora', false), holds('bidora', true)],
      [true, false, false, true],
    )
  })
})
