import assert from 'node:assert/strict'
import { join } from 'node:path'
import { noGrad } from '../../lib/autograd/index.ts'
import {
  type Batch,
  type CausalLanguageModel,
  classificationLoss,
  languageLoss,
  loadLanguageModel,
  loadModel,
  type SequenceClassifier,
} from '../../lib/models/index.ts'
import { type AttentionKernel, useAttentionKernel } from '../../lib/nn/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { diskGradients } from './disk-gradients.ts'
import { root } from './golden.ts'

interface Case {
  model: string
  id: string
  dtype: 'float32' | 'float64'
  inputs: Record<'inputIds' | 'attentionMask' | 'labels', TensorReference>
  logits: TensorReference
  hiddenStates: { tensors: string[] }
  loss: TensorReference
  gradients: Record<string, TensorReference>
  negligibleGradients: string[]
}

const golden = openGolden<{ cases: Case[] }>('gpt2')
const tolerance = { float32: 1e-5, float64: 1e-12 }

function batchOf({ inputs }: Case): Batch {
  const [inputIds, attentionMask] = [golden.tensor(inputs.inputIds), golden.tensor(inputs.attentionMask)]
  const hasPadding = (attentionMask.tolist() as number[][]).flat().includes(0)
  return { layout: 'padded', inputIds, attentionMask, hasPadding }
}

function lossOf(model: CausalLanguageModel | SequenceClassifier, logits: Tensor, labels: Tensor): Tensor {
  return 'newCache' in model
    ? languageLoss(logits, labels)
    : classificationLoss(logits, labels, model.config.problemType)
}

function check(test: Case, model: CausalLanguageModel | SequenceClassifier): void {
  const relative = tolerance[test.dtype]
  const batch = batchOf(test)
  const { logits, hiddenStates } = noGrad(() => model.forward(batch, { hiddenStates: true }))
  assertClose(logits, golden.tensor(test.logits), 'logits', { relative })
  assert.equal(hiddenStates!.length, test.hiddenStates.tensors.length)
  test.hiddenStates.tensors.forEach((tensor, layer) => {
    assertClose(hiddenStates![layer]!, golden.tensor({ tensor }), `hidden states ${layer}`, { relative })
  })
  const loss = lossOf(model, model.forward(batch).logits, golden.tensor(test.inputs.labels))
  assertClose(loss, golden.tensor(test.loss), 'loss', { relative })
  const byName = diskGradients(model, loss)
  let largest = 0
  for (const [name, reference] of Object.entries(test.gradients)) {
    const expected = golden.tensor(reference)
    largest = Math.max(largest, Number(expected.abs().max().item()))
    assertClose(byName.get(name)!, expected, name, { relative })
  }
  assert.ok(largest > 0)
  for (const name of test.negligibleGradients) {
    const found = byName.get(name)
    assert.ok(!found || Number(found.abs().max().item()) < 1e-5 * largest, `${name}: negligible`)
  }
}

describe('parity: gpt2', () => {
  const groups = new Map<string, Case[]>()
  for (const test of golden.cases.cases) {
    const key = `${test.model}, ${test.dtype}`
    groups.set(key, [...(groups.get(key) ?? []), test])
  }
  it('sees the cases', () => assert.ok(golden.cases.cases.length >= 50))

  for (const [key, tests] of groups) {
    const { model: name, dtype } = tests[0]!
    for (const kernel of ['fused', 'explicit'] satisfies AttentionKernel[]) {
      it(`${key}, ${kernel}: logits, hidden states, loss, gradients`, () => {
        const load = name.startsWith('lm') ? loadLanguageModel : loadModel
        const model = load(join(root, 'test/golden/gpt2', name), { dtype })
        useAttentionKernel(model, kernel)
        for (const test of tests) scope(() => check(test, model))
        model.dispose()
      })
    }
  }
})
