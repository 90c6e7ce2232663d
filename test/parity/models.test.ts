import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAdapter, prepareModel, saveAdapter, trainableParameters } from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import { SafetensorsFile } from '../../lib/io/index.ts'
import {
  type Batch,
  classificationLoss,
  tuningDefaults,
  loadModel,
  type PackedBatch,
  packBatch,
  type SequenceClassifier,
  TokenClassifier,
  tokenLoss,
} from '../../lib/models/index.ts'
import { type AttentionKernel, useAttentionKernel } from '../../lib/nn/index.ts'
import { flatten, indexSelect } from '../../lib/ops/index.ts'
import { type DType, scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, type Golden, openGolden, type TensorReference } from './adapters-golden.ts'
import { diskGradients } from './disk-gradients.ts'

interface Case {
  id: string
  dtype: 'float32' | 'float64'
  inputs: Record<'inputIds' | 'attentionMask', TensorReference> & {
    tokenTypeIds?: TensorReference
    labels: TensorReference
  }
  logits: TensorReference
  hiddenStates?: { tensors: string[] }
  lastHiddenRows?: { positions: [number, number][]; values: TensorReference }
  loss: TensorReference
  gradients: Record<string, TensorReference>
  negligibleGradients: string[]
}
/** What PEFT made of a model, on the texts of a case. */
interface Adapted {
  inputs: string
  logits: TensorReference
  targetModules: string[]
}
type Model = SequenceClassifier | TokenClassifier
type Cases = { cases: Case[]; adapter?: Adapted }

/** Of the largest absolute value of each tensor. */
const tolerance = { float32: 1e-5, float64: 1e-12 }
/** Folders of golden models, with the least number of models in each. */
const roots = { models: 7, encoders: 3 }

function batchOf({ inputs }: Case, golden: Golden<Cases>): Batch {
  return {
    layout: 'padded',
    inputIds: golden.tensor(inputs.inputIds),
    attentionMask: golden.tensor(inputs.attentionMask),
    ...(inputs.tokenTypeIds ? { tokenTypeIds: golden.tensor(inputs.tokenTypeIds) } : {}),
  }
}

function checkForward(test: Case, golden: Golden<Cases>, model: Model): void {
  const relative = tolerance[test.dtype]
  const { logits, hiddenStates } = noGrad(() => model.forward(batchOf(test, golden), { hiddenStates: true }))
  assertClose(logits, golden.tensor(test.logits), 'logits', { relative })
  if (test.hiddenStates) assert.equal(hiddenStates!.length, test.hiddenStates.tensors.length)
  test.hiddenStates?.tensors.forEach((tensor, layer) => {
    assertClose(hiddenStates![layer]!, golden.tensor({ tensor }), `hidden states ${layer}`, { relative })
  })
  if (!test.lastHiddenRows) return
  const last = hiddenStates!.at(-1)!.tolist() as number[][][]
  const rows = test.lastHiddenRows.positions.map(([text, at]) => last[text]![at]!)
  assertClose(rows, golden.tensor(test.lastHiddenRows.values), 'last hidden rows', { relative })
}

function checkGradients(test: Case, golden: Golden<Cases>, model: Model, batch: Batch = batchOf(test, golden)): void {
  const relative = tolerance[test.dtype]
  const { logits } = model.forward(batch)
  const labels = golden.tensor(test.inputs.labels)
  const ofRows = (all: Tensor) =>
    batch.layout === 'packed' && model instanceof TokenClassifier ? keptOf(all, batch) : all
  assertClose(logits.detach(), ofRows(golden.tensor(test.logits)), 'logits', { relative })
  const loss =
    model instanceof TokenClassifier
      ? tokenLoss(logits, ofRows(labels))
      : classificationLoss(logits, labels, model.config.problemType)
  assertClose(loss, golden.tensor(test.loss), 'loss', { relative })
  const byName = diskGradients(model, loss)
  let largest = 0
  for (const [name, reference] of Object.entries(test.gradients)) {
    const expected = golden.tensor(reference)
    largest = Math.max(largest, Number(expected.abs().max().item()))
    assertClose(byName.get(name)!, expected, name, { relative })
  }
  for (const name of test.negligibleGradients) {
    assert.ok(Number(byName.get(name)!.abs().max().item()) < 1e-6 * largest, `${name}: negligible`)
  }
  assert.ok(Object.keys(test.gradients).length > 0)
}

/** Rows of the tokens that a packed batch has, of [batch, seq, ...]. */
function keptOf(all: Tensor, { rows }: PackedBatch): Tensor {
  return indexSelect(flatten(all, { endDim: 1 }), 0, rows.placeOf)
}

/** The same texts one after the other, without their padding, have the same logits, states and gradients. */
function checkPacked(test: Case, golden: Golden<Cases>, model: Model): void {
  const inputIds = golden.tensor(test.inputs.inputIds)
  const attentionMask = golden.tensor(test.inputs.attentionMask)
  const types = test.inputs.tokenTypeIds && golden.tensor(test.inputs.tokenTypeIds)
  const batch = packBatch({
    layout: 'padded',
    shape: inputIds.shape,
    inputIds: inputIds.data() as BigInt64Array,
    attentionMask: attentionMask.data() as BigInt64Array,
    ...(types ? { tokenTypeIds: types.data() as BigInt64Array } : {}),
  })
  const relative = tolerance[test.dtype]
  const { hiddenStates } = noGrad(() => model.forward(batch, { hiddenStates: true }))
  test.hiddenStates?.tensors.forEach((tensor, layer) => {
    assertClose(hiddenStates![layer]!, keptOf(golden.tensor({ tensor }), batch), `packed hidden states ${layer}`, {
      relative,
    })
  })
  checkGradients(test, golden, model, batch)
}

for (const [root, least] of Object.entries(roots)) {
  describe(`parity: ${root}`, () => {
    const folder = join('test/golden', root)
    const names = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as string[]
    it('sees the models', () => assert.ok(names.length >= least))

    for (const name of names) {
      describe(name, () => {
        const golden = openGolden<Cases>(join(root, name))
        const models = new Map<DType, SequenceClassifier>()
        before(() => {
          for (const dtype of ['float32', 'float64'] as const) {
            models.set(dtype, loadModel(join(folder, name, 'model'), { dtype }))
          }
        })
        after(() => {
          for (const model of models.values()) model.dispose()
        })

        const { adapter, cases } = golden.cases
        if (adapter) {
          it('reads an adapter that PEFT wrote, and writes the same names', () => {
            const model = loadModel(join(folder, name, 'model'), { dtype: 'float64' })
            const { settings } = loadAdapter(join(folder, name, 'adapter'), model)
            assert.deepEqual(
              [...(settings as { targetModules: readonly string[] }).targetModules].sort(),
              adapter.targetModules,
            )
            assert.deepEqual(tuningDefaults(model.config.modelType).targetModules.toSorted(), adapter.targetModules)
            scope(() => {
              const test = cases.find(({ id, dtype }) => id === adapter.inputs && dtype === 'float64')!
              const { logits } = noGrad(() => model.forward(batchOf(test, golden)))
              assertClose(logits, golden.tensor(adapter.logits), 'logits', { relative: 1e-12 })
            })
            const saved = mkdtempSync(join(tmpdir(), 'bidora-adapter-'))
            saveAdapter(saved, model, { settings, base: 'base' })
            model.dispose()
            const namesOf = (at: string) => [
              ...new SafetensorsFile(join(at, 'adapter_model.safetensors')).entries.keys(),
            ]
            assert.deepEqual(namesOf(saved).sort(), namesOf(join(folder, name, 'adapter')).sort())
            rmSync(saved, { recursive: true })
          })
        }

        for (const test of cases) {
          for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
            it(`${test.id}, ${test.dtype}, ${kernel}: logits, hidden states, loss, gradients`, () => {
              scope(() => {
                const model = models.get(test.dtype)!
                useAttentionKernel(model, kernel)
                checkForward(test, golden, model)
                checkGradients(test, golden, model)
                if (test.id !== 'left-padding') checkPacked(test, golden, model)
              })
            })
          }
        }
      })
    }
  })
}

describe('parity: encoders with a head for every token', () => {
  const folder = 'test/golden/encoders'
  const names = JSON.parse(readFileSync(join(folder, 'tokens.json'), 'utf8')) as string[]
  assert.ok(names.length >= 3)
  for (const name of names) {
    const golden = openGolden<Cases>(join('encoders', `${name}-tokens`))
    for (const test of golden.cases.cases) {
      it(`${name}, ${test.dtype}: logits, hidden states, loss, gradients, padded and packed`, () => {
        scope(() => {
          const at = join(folder, `${name}-tokens`, 'model')
          const model = loadModel(at, { task: 'token-classification', dtype: test.dtype })
          checkForward(test, golden, model)
          checkGradients(test, golden, model)
          checkPacked(test, golden, model)
          model.dispose()
        })
      })
    }
    it(`${name}: takes the encoder of a classifier of texts with a new head, and lets the other head go`, () => {
      const options = { task: 'token-classification', head: 'new', labels: ['O', 'B-X'] } as const
      const model = loadModel(join(folder, name, 'model'), options)
      assert.deepEqual(model.origin!.created.toSorted(), ['classifier.bias', 'classifier.weight'])
      assert.ok(model.origin!.ignored.every(path => /^(pre_)?(classifier|pooler)\./.test(path)))
      const { modelType } = model.config
      const adapter = { rank: 2, loraAlpha: 4, ...tuningDefaults(modelType, 'token-classification') }
      prepareModel(model, { method: 'lora', ...adapter })
      const trained = trainableParameters(model).lower.map(([path]) => path.replace(/.*lora/, 'lora'))
      assert.deepEqual(new Set(trained), new Set(['loraA', 'loraB', 'classifier.weight', 'classifier.bias']))
      model.dispose()
    })
  }
})
