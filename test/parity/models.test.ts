import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { grad, noGrad } from '../../lib/autograd/index.ts'
import { toDiskName } from '../../lib/io/index.ts'
import { type Batch, classificationLoss, loadModel, type SequenceClassifier } from '../../lib/models/index.ts'
import { type AttentionKernel, useAttentionKernel } from '../../lib/nn/index.ts'
import { type DType, scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, type Golden, openGolden, type TensorReference } from './adapters-golden.ts'

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
type Cases = { cases: Case[] }

/** Of the largest absolute value of each tensor. */
const tolerance = { float32: 1e-5, float64: 1e-12 }
const root = 'test/golden/models'

function batchOf({ inputs }: Case, golden: Golden<Cases>): Batch {
  return {
    layout: 'padded',
    inputIds: golden.tensor(inputs.inputIds),
    attentionMask: golden.tensor(inputs.attentionMask),
    ...(inputs.tokenTypeIds ? { tokenTypeIds: golden.tensor(inputs.tokenTypeIds) } : {}),
  }
}

function checkForward(test: Case, golden: Golden<Cases>, model: SequenceClassifier): void {
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

function checkGradients(test: Case, golden: Golden<Cases>, model: SequenceClassifier): void {
  const relative = tolerance[test.dtype]
  const labels = golden.tensor(test.inputs.labels)
  const loss = classificationLoss(model.forward(batchOf(test, golden)).logits, labels, model.config.problemType)
  assertClose(loss, golden.tensor(test.loss), 'loss', { relative })
  const named = model.namedParameters()
  const gradients = grad(
    loss,
    named.map(([, parameter]) => parameter),
    { allowUnused: true },
  )
  const byName = new Map(named.map(([path], at) => [toDiskName(path), gradients[at] as Tensor]))
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

describe('parity: models', () => {
  const names = JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')) as string[]
  it('sees the models', () => assert.ok(names.length >= 7))

  for (const name of names) {
    describe(name, () => {
      const golden = openGolden<Cases>(`models/${name}`)
      const models = new Map<DType, SequenceClassifier>()
      before(() => {
        for (const dtype of ['float32', 'float64'] as const) {
          models.set(dtype, loadModel(join(root, name, 'model'), { dtype }))
        }
      })
      after(() => {
        for (const model of models.values()) model.dispose()
      })

      for (const test of golden.cases.cases) {
        for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
          it(`${test.id}, ${test.dtype}, ${kernel}: logits, hidden states, loss, gradients`, () => {
            scope(() => {
              const model = models.get(test.dtype)!
              useAttentionKernel(model, kernel)
              checkForward(test, golden, model)
              checkGradients(test, golden, model)
            })
          })
        }
      }
    })
  }
})
