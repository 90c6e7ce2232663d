import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  adaloraLayers,
  type AdaloraSettings,
  attachedAdapters,
  factorOrthogonality,
  loadAdapter,
  mergeAdapters,
  prepareModel,
  saveAdapter,
  type TuningSettings,
  VeraLinear,
} from '../../lib/adapters/index.ts'
import { adalora } from '../../lib/adapters/adalora-files.ts'
import { namedTensors } from '../../lib/adapters/checkpoint.ts'
import { labelSet } from '../../lib/data/labels.ts'
import { grad } from '../../lib/autograd/index.ts'
import { readSafetensors, toModulePath } from '../../lib/io/index.ts'
import { type Batch, classificationLoss, loadModel, type SequenceClassifier } from '../../lib/models/index.ts'
import { add, indexSelect, mul } from '../../lib/ops/index.ts'
import { scope, type Tensor, tensor as tensorOf } from '../../lib/tensor/index.ts'
import type { Tokenizer } from '../../lib/text/index.ts'
import { trainByMethod } from '../../lib/train/by-method.ts'
import type { GivenFitSettings } from '../../lib/train/config.ts'
import { Run } from '../../lib/train/run.ts'
import { fitSettings, modelSettings } from '../../lib/train/settings.ts'
import { Training } from '../../lib/train/training.ts'
import { TunableModel } from '../../lib/train/tunable-model.ts'
import { givenOf } from '../../lib/train/tuning.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { root } from './golden.ts'

type Named = Record<string, TensorReference>
interface Inputs {
  inputIds: TensorReference
  attentionMask: TensorReference
  labels: TensorReference
}
interface AdapterCase {
  id: string
  base: string
  adapter: string
  method: string
  dtype: 'float32' | 'float64'
  inputs: Inputs
  logits: TensorReference
  loss: TensorReference
  regularised: TensorReference
  gradients: Named
  projections: Named
  mergedLogits: TensorReference
  mergedWeight: Named
}
interface TrainingCase {
  id: string
  base: string
  adapter: string | null
  method: string
  inputs: Inputs
  options: GivenFitSettings
  losses: number[]
  rankPattern: Record<string, boolean[]> | null
  trained: Named
}

const golden = openGolden<{ cases: AdapterCase[]; runs: TrainingCase[] }>('baselines')
const tolerances = { float32: { absolute: 1e-6, relative: 1e-5 }, float64: { absolute: 1e-14, relative: 1e-12 } }
const folderOf = (adapter: string) => join(root, 'test/golden/baselines', adapter)

function load(base: string, dtype: 'float32' | 'float64'): SequenceClassifier {
  return loadModel(join(root, 'test/golden/models', base, 'model'), { dtype })
}

function batchOf({ inputIds, attentionMask }: Inputs): Batch {
  return { layout: 'padded', inputIds: golden.tensor(inputIds), attentionMask: golden.tensor(attentionMask) }
}

describe('adapters of the other methods that PEFT saved', () => {
  it('are seen', () => assert.deepEqual([golden.cases.cases.length, golden.cases.runs.length], [14, 5]))

  for (const one of golden.cases.cases) {
    const tolerance = tolerances[one.dtype]
    const withModel = (check: (model: SequenceClassifier, settings: TuningSettings) => void) => {
      const model = load(one.base, one.dtype)
      try {
        scope(() => check(model, loadAdapter(folderOf(one.adapter), model).settings))
      } finally {
        model.dispose()
      }
    }

    it(`${one.id}: give the logits, the loss and the gradients that PEFT gives`, () =>
      withModel((model, settings) => {
        assert.equal(settings.method, one.method)
        const { logits } = model.forward(batchOf(one.inputs))
        assertClose(logits, golden.tensor(one.logits), 'logits', tolerance)
        const loss = classificationLoss(logits, golden.tensor(one.inputs.labels), 'single-label')
        assertClose(loss, golden.tensor(one.loss), 'loss', tolerance)
        const layers = [...adaloraLayers(model).values()]
        const { orthRegWeight } = ('allocation' in settings && settings.allocation) || { orthRegWeight: 0 }
        const whole = orthRegWeight > 0 ? add(loss, mul(factorOrthogonality(layers), orthRegWeight)) : loss
        assertClose(whole, golden.tensor(one.regularised), 'loss with its regulariser', tolerance)
        const stored = namedTensors(model, settings, ['classifier'])
        // A layer that has no rank left has nothing to differentiate.
        const names = Object.keys(one.gradients).filter(name => stored.get(name)!.numel > 0)
        const gradients =
          names.length > 0
            ? grad(
                loss,
                names.map(name => stored.get(name)!),
              )
            : []
        gradients.forEach((gradient, i) =>
          assertClose(gradient, golden.tensor(one.gradients[names[i]!]!), names[i]!, {
            absolute: tolerance.absolute,
            relative: tolerance.relative * 10,
          }),
        )
        const trained = model.namedParameters().filter(([, tensor]) => tensor.requiresGrad)
        if (names.length > 0) assert.equal(trained.length, Object.keys(one.gradients).length)
      }))

    it(`${one.id}: merge to the weights that PEFT merges to`, () =>
      withModel(model => {
        mergeAdapters(model).finish()
        const parameters = new Map(model.namedParameters())
        for (const [name, reference] of Object.entries(one.mergedWeight))
          assertClose(parameters.get(toModulePath(name))!, golden.tensor(reference), name, tolerance)
        assertClose(model.forward(batchOf(one.inputs)).logits, golden.tensor(one.mergedLogits), 'logits', tolerance)
      }))

    it(`${one.id}: are saved again as the same tensors under the same names, with the same config`, () =>
      withModel((model, settings) => {
        const again = mkdtempSync(join(tmpdir(), 'bidora-baselines-'))
        try {
          saveAdapter(again, model, { settings, base: '' })
          const [theirs, ours] = [folderOf(one.adapter), again].map(where =>
            readSafetensors(join(where, 'adapter_model.safetensors'), { copy: true }),
          )
          assert.deepEqual([...ours!.keys()].sort(), [...theirs!.keys()].sort())
          for (const [name, tensor] of ours!) assertClose(tensor, theirs!.get(name)!, name, {})
          const [config, written] = [folderOf(one.adapter), again].map(
            where => JSON.parse(readFileSync(join(where, 'adapter_config.json'), 'utf8')) as Record<string, unknown>,
          )
          const { bidora: _, base_model_name_or_path: __, modules_to_save: ___, ...fields } = written!
          for (const [name, value] of Object.entries(fields)) assert.deepEqual(value, config![name], name)
        } finally {
          rmSync(again, { recursive: true })
        }
      }))
  }

  for (const one of golden.cases.cases.filter(({ projections }) => Object.keys(projections).length > 0)) {
    it(`${one.id}: the projections are drawn from the seed as PEFT draws them, bit for bit`, () => {
      const model = load(one.base, one.dtype)
      const { settings } = loadAdapter(folderOf(one.adapter), model)
      model.dispose()
      const drawn = load(one.base, one.dtype)
      prepareModel(drawn, settings)
      for (const layer of attachedAdapters(drawn).values()) {
        assert.ok(layer instanceof VeraLinear)
        assertClose(layer.veraA, golden.tensor(one.projections.vera_A!), 'A', {})
        assertClose(layer.veraB, golden.tensor(one.projections.vera_B!), 'B', {})
      }
      drawn.dispose()
    })
  }
})

/** What the allocation of a training has left of a tensor. */
function leftOf({ rankPattern }: TrainingCase, name: string, tensor: Tensor): Tensor {
  const layer = name.replace('base_model.model.', '').replace(/lora_[ABE]$/, 'lora_E')
  const pattern = rankPattern?.[layer]
  if (!pattern) return tensor
  const places = [...pattern.keys()].filter(place => pattern[place])
  return indexSelect(tensor, name.endsWith('lora_B') ? 1 : 0, tensorOf(places, { dtype: 'int64' }))
}

describe('the other methods, trained as PEFT trains them', () => {
  for (const one of golden.cases.runs) {
    it(`${one.id}: the losses of every step, and what they lead to`, async () => {
      const classifier = load(one.base, 'float64')
      let tuning: TuningSettings
      if (one.adapter === null) prepareModel(classifier, (tuning = { method: 'bitfit' }))
      else tuning = loadAdapter(folderOf(one.adapter), classifier).settings
      const chosen = modelSettings({ ...givenOf(tuning), dtype: 'float64' })
      const settings = fitSettings(chosen, {
        ...one.options,
        retrainSteps: one.losses.length,
        batchSize: 3,
        schedule: 'constant',
        warmupRatio: 0,
        logEvery: 1,
      })
      // The whole batch at every step, in whatever order; rows are given as ids.
      const tokenizer = { padding: () => ({ side: 'right', padId: 0 }) } as unknown as Tokenizer
      const labels = labelSet(['no', 'yes'])
      const model = new TunableModel({ classifier, tokenizer, settings: chosen.settings, tuning, labels })
      const [ids, mask, targets] = scope(() =>
        [one.inputs.inputIds, one.inputs.attentionMask, one.inputs.labels].map(
          reference => golden.tensor(reference).tolist() as unknown,
        ),
      ) as [number[][], number[][], number[]]
      const rows = ids.map((row, i) => {
        const real = row.filter((_, place) => mask[i]![place] === 1)
        return { encoded: { ids: real, typeIds: real.map(() => 0) }, target: targets[i]! }
      })
      const run = new Run({ settings, hooks: {}, truncated: 0 })
      const training = new Training(model, settings, rows as never, run)
      training.setTraining = () => model.train(false) // dropout stays off
      try {
        await trainByMethod(training)
        run.log.entries.forEach(({ lowerLoss }, i) =>
          assertClose(lowerLoss!, one.losses[i]!, `loss of step ${i + 1}`, { relative: 1e-10 }),
        )
        assert.equal(run.log.entries.length, one.losses.length)
        scope(() => {
          const stored = namedTensors(classifier, tuning, ['classifier'])
          for (const [name, reference] of Object.entries(one.trained)) {
            const got = stored.get(name) as Tensor
            assertClose(got, leftOf(one, name, golden.tensor(reference)), name, { relative: 1e-9 })
          }
          const again = adalora.present?.(classifier, model.tuning as AdaloraSettings).rankPattern
          assert.deepEqual(again, one.rankPattern ?? undefined)
        })
        assert.equal(model.trainable.length, Object.keys(one.trained).length)
      } finally {
        training.dispose()
        model.dispose()
      }
    })
  }
})
