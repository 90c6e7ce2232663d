import assert from 'node:assert/strict'
import { fitSettings, modelSettings, valueFromText } from '../../../lib/train/settings.ts'

const settings = (fit: object, model: object = {}) => fitSettings(modelSettings(model), fit)
const refuses = (fit: object, message: RegExp, model: object = {}) =>
  assert.throws(() => settings(fit, model), { name: 'ConfigError', message })

describe('settings of the controls', () => {
  it('are off unless they are given', () => {
    const { precision, upperPrecision, gradientCheckpointing, classWeights, labelSmoothing } = settings({})
    const off = ['float32', 'float32', false, undefined, 0]
    assert.deepEqual([precision, upperPrecision, gradientCheckpointing, classWeights, labelSmoothing], off)
    const { loadBest, bestMetric, patience, minDelta } = settings({})
    assert.deepEqual([loadBest, bestMetric, patience, minDelta], [false, 'loss', undefined, 0])
  })

  it('upperPrecision is precision unless it is given', () => {
    assert.equal(settings({ precision: 'bfloat16' }).upperPrecision, 'bfloat16')
    assert.equal(settings({ precision: 'bfloat16', upperPrecision: 'float32' }).upperPrecision, 'float32')
    refuses({ upperPrecision: 'bfloat16' }, /method 'lora' does not read 'upperPrecision'/, { method: 'lora' })
  })

  it('refuse what would change nothing, or would end before the ranks are reached', () => {
    const narrow = { precision: 'bfloat16-frozen' }
    settings(narrow, { method: 'lora' })
    refuses(narrow, /bfloat16-frozen is of products with frozen weights, of which method 'full' has none/, {
      method: 'full',
    })
    refuses(narrow, /method 'fourierft' has none/, { method: 'fourierft' })
    refuses(narrow, /compat 'official' has none/, { compat: 'official' })
    for (const watch of [{ patience: 2 }, { loadBest: true }])
      refuses({ ...watch, evalEvery: 5 }, /adalora reaches its ranks at the end/, { method: 'adalora' })
    refuses({ upperPrecision: 'bfloat16-frozen' }, /compat 'official' has none/, { compat: 'official' })
    settings({ gradientCheckpointing: true }, { preset: 'paper' })
  })

  it("leave compat 'official' what its code has", () => {
    for (const [name, only, other, beside] of [
      ['repeats', '1', 2],
      ['folds', '1', 3],
      ['lengthWindow', '1', 4],
      ['round', "'faithful'", 'sampled'],
      ['rollBack', 'false', true, { unrollSteps: 2 }],
    ] as const) {
      const got = typeof other === 'string' ? `'${other}'` : String(other)
      const sentence = new RegExp(`compat 'official' has ${name} ${only} alone, got ${got}`)
      refuses({ [name]: other, ...beside }, sentence, { compat: 'official' })
    }
  })

  it('texts of the command line become weights', () => {
    assert.deepEqual(valueFromText('classWeights', '1, 2.5'), [1, 2.5])
    assert.equal(valueFromText('classWeights', 'balanced'), 'balanced')
    assert.equal(valueFromText('classWeights', '1,,2'), '1,,2')
    assert.deepEqual(settings({ classWeights: [1, 2.5] }).classWeights, [1, 2.5])
  })

  it('wrong values are refused', () => {
    const weights = /classWeights must be 'balanced' or a list of numbers above 0/
    for (const classWeights of ['even', [], [1, -1], [1, 0], ['1', '2'], [1, Number.NaN], '1,,2', 3])
      refuses({ classWeights }, weights)
    refuses({ labelSmoothing: 1 }, /labelSmoothing must be a number of at least 0 and at most 0.99/)
    refuses({ precision: 'float16' }, /precision 'float16' is not offered: its losses would have to be scaled/)
    refuses({ upperPrecision: 'float16' }, /is not offered/)
    refuses({ precision: 'float64' }, /precision must be 'float32' or 'bfloat16' or 'bfloat16-frozen'/)
    refuses({ patience: 0, evalEvery: 1 }, /patience must be an integer of at least 1/)
    refuses({ bestMetric: 'bleu', loadBest: true, evalEvery: 1 }, /bestMetric must be 'loss' or/)
    refuses({ earlyStopping: true }, /there is no setting 'earlyStopping'/)
  })

  it('what means nothing beside the others is refused', () => {
    refuses({ precision: 'bfloat16' }, /does nothing for weights of dtype float64/, { dtype: 'float64' })
    refuses({ upperPrecision: 'bfloat16' }, /does nothing for weights of dtype float64/, { dtype: 'float64' })
    for (const hypergradient of ['exact', 'neumann', 'conjugate-gradient', 'unrolled'])
      refuses({ gradientCheckpointing: true, hypergradient }, new RegExp(`hypergradient '${hypergradient}' diff`))
    settings({ gradientCheckpointing: true })
    settings({ gradientCheckpointing: true }, { method: 'full' })
    const regression = { problemType: 'regression' }
    refuses({ classWeights: 'balanced' }, /no classes; remove classWeights/, regression)
    refuses({ labelSmoothing: 0.1 }, /no classes; remove labelSmoothing/, regression)
    settings({ labelSmoothing: 0 }, regression)
    refuses({ loadBest: true }, /loadBest needs more than one evaluation; give evalEvery/)
    refuses({ patience: 1 }, /patience needs more than one evaluation/)
    refuses({ bestMetric: 'f1' }, /read by loadBest and patience/)
    refuses({ minDelta: 1, loadBest: true, evalEvery: 2 }, /minDelta is read by patience/)
    refuses({ loadBest: true, evalEvery: 2, retrain: false }, /does not read 'loadBest'/)
  })
})
