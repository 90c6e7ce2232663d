import assert from 'node:assert/strict'
import { join } from 'node:path'
import { attachedAdapters, mergeAdapters, OfficialLinear, prepareModel } from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import { labelSet } from '../../lib/data/labels.ts'
import { toDiskName, toModulePath } from '../../lib/io/index.ts'
import { loadModel } from '../../lib/models/index.ts'
import { copy_ } from '../../lib/ops/index.ts'
import { scope } from '../../lib/tensor/index.ts'
import type { Tokenizer } from '../../lib/text/index.ts'
import { trainByMethod } from '../../lib/train/by-method.ts'
import type { GivenFitSettings, GivenModelSettings } from '../../lib/train/config.ts'
import { Run } from '../../lib/train/run.ts'
import { fitSettings, modelSettings } from '../../lib/train/settings.ts'
import { Training } from '../../lib/train/training.ts'
import { TunableModel } from '../../lib/train/tunable-model.ts'
import { tuningOf } from '../../lib/train/tuning.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'

type Named = Record<string, TensorReference>
interface Official {
  examples: { ids: number[]; label: number }[]
  settings: { model: GivenModelSettings; fit: GivenFitSettings }
  loraA: Named
  initialLoss: number
  search: { lowerLoss: number; upperLoss: number; hypergradientNorm: number }[]
  retrain: { lowerLoss: number }[]
  magnitudes: Named
  trained: Named
  merged: Named
}

const golden = openGolden<Official>('official')

describe("compat 'official'", () => {
  it("is the arithmetic of the authors' code: every step of search and retraining, what they lead to, and the merge", async () => {
    const { examples, settings: given, search, retrain } = golden.cases
    const chosen = modelSettings({ ...given.model, method: 'bidora', compat: 'official', dtype: 'float64' })
    const settings = fitSettings(chosen, { ...given.fit, logEvery: 1 })
    const tuning = tuningOf(chosen.settings)
    const classifier = loadModel(join(root, 'test/golden/models/bert-gelu/model'), { dtype: 'float64' })
    prepareModel(classifier, tuning)
    const layers = attachedAdapters(classifier)
    scope(() =>
      noGrad(() => {
        for (const [path, layer] of layers) {
          assert.ok(layer instanceof OfficialLinear)
          copy_(layer.loraA, golden.tensor(golden.cases.loraA[toDiskName(path)]!))
        }
      }),
    )
    const tokenizer = { padding: () => ({ side: 'right', padId: 0 }) } as unknown as Tokenizer
    const labels = labelSet(['no', 'yes'])
    const model = new TunableModel({ classifier, tokenizer, settings: chosen.settings, tuning, labels })
    const rows = examples.map(({ ids, label }) => ({ encoded: { ids, typeIds: ids.map(() => 0) }, target: label }))
    const run = new Run({ settings, hooks: {}, truncated: 0 })
    const training = new Training(model, settings, rows as never, run)
    training.setTraining = () => model.train(false) // dropout stays off
    model.train(false)
    try {
      const initial = scope(() => noGrad(() => training.loss(model.batchOf(rows as never)).item() as number))
      assertClose(initial, golden.cases.initialLoss, 'loss at the start', { relative: 1e-12 })
      await trainByMethod(training)
      const lines = run.log.entries
      assert.equal(lines.length, search.length + retrain.length)
      for (const [index, expected] of [...search, ...retrain].entries()) {
        const line = lines[index] as unknown as Record<string, number>
        for (const [name, value] of Object.entries(expected))
          assertClose(line[name]!, value, `${name} of line ${index + 1}`, { relative: 1e-8 })
      }
      scope(() => {
        const parameters = new Map(classifier.namedParameters())
        for (const [name, value] of Object.entries({ ...golden.cases.trained, ...golden.cases.magnitudes }))
          assertClose(parameters.get(toModulePath(name))!, golden.tensor(value), name, { relative: 1e-7 })
        // Everything but the magnitudes is the lower level.
        assert.equal(model.trainable.length, parameters.size)
        assert.equal(training.parametersOf('upper').length, 4)
        mergeAdapters(classifier).finish()
        const merged = new Map(classifier.namedParameters())
        for (const [name, value] of Object.entries(golden.cases.merged))
          assertClose(merged.get(toModulePath(`${name}.weight`))!, golden.tensor(value), name, { relative: 1e-7 })
      })
    } finally {
      training.dispose()
      model.dispose()
    }
  })
})
