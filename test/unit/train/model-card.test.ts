import assert from 'node:assert/strict'
import type { TuningSettings } from '../../../lib/adapters/index.ts'
import { modelCard } from '../../../lib/train/model-card.ts'
import { modelSettings } from '../../../lib/train/settings.ts'
import { taskOf } from '../../../lib/train/tasks.ts'
import type { TunableModel } from '../../../lib/train/tunable-model.ts'
import { tuningOf } from '../../../lib/train/tuning.ts'

type Given = Parameters<typeof modelSettings>[0]

function card(given: Given, kind: 'adapter' | 'merged' = 'adapter'): string {
  const { settings } = modelSettings(given)
  const tuning: TuningSettings = tuningOf(settings)
  const model = { settings, tuning, task: taskOf(settings), labels: { labels: ['a', 'b'] } }
  return modelCard(model as unknown as TunableModel, '/models/base', undefined, kind)
}

describe('model card', () => {
  it('names PEFT where PEFT reads the adapter', () => {
    const isPeft = (given: Given, kind?: 'merged') => /^library_name: peft$/m.test(card(given, kind))
    for (const method of ['bidora', 'dora', 'lora', 'rslora', 'adalora', 'vera', 'fourierft'] as const)
      assert.equal(isPeft({ method }), true, method)
    for (const method of ['adapter', 'bitfit', 'head', 'full'] as const) assert.equal(isPeft({ method }), false, method)
    assert.equal(isPeft({ magnitudeAxis: 'in' }), false)
    assert.equal(isPeft({ method: 'dora', magnitudeAxis: 'in' }), false)
    assert.equal(isPeft({ compat: 'official' }), false)
    assert.equal(isPeft({}, 'merged'), false)
  })

  it('names the task, and the kind of label of texts alone', () => {
    assert.match(card({}), /^Text classification \(single-label\), tuned with BiDoRA /m)
    assert.match(card({ problemType: 'multi-label' }), /^Text classification \(multi-label\), /m)
    const tokens = card({ task: 'token-classification', method: 'vera' }, 'merged')
    assert.match(tokens, /^Token classification, tuned with VeRA /m)
    assert.match(tokens, /^pipeline_tag: token-classification$/m)
    assert.match(tokens, /loaded by `AutoModelForTokenClassification`/)
  })
})
