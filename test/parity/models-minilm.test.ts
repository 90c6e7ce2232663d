import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { noGrad } from '../../lib/autograd/index.ts'
import { type BertForSequenceClassification, loadModel } from '../../lib/models/index.ts'
import { div, mul, select, sum, to, unsqueeze } from '../../lib/ops/index.ts'
import { modelFolder } from '../../lib/setup/assets.ts'
import { scope } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'

interface Cases {
  weightsSha256: string
  cases: {
    id: string
    dtype: 'float32' | 'float64'
    inputs: Record<'inputIds' | 'attentionMask' | 'tokenTypeIds', TensorReference>
    cls: TensorReference
    meanPooled: TensorReference
    hiddenState: { text: number; values: TensorReference }
  }[]
}

describe('parity: MiniLM', () => {
  const golden = openGolden<Cases>('models/minilm')
  const folder = modelFolder() ?? ''

  before(function () {
    if (existsSync(join(folder, 'model.safetensors'))) return
    console.log(`      skipped: no all-MiniLM-L6-v2 in the cache; run npm run setup`)
    this.skip()
  })

  it('has the weights of the golden files', () => {
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, 'model.safetensors')))
      .digest('hex')
    assert.equal(digest, golden.cases.weightsSha256)
  })

  for (const test of golden.cases.cases) {
    it(`${test.id}: hidden states`, () => {
      const relative = test.dtype === 'float64' ? 1e-12 : 1e-5
      const model = loadModel(folder, { head: 'new', labels: ['a', 'b'], dtype: test.dtype })
      scope(() => {
        const attentionMask = golden.tensor(test.inputs.attentionMask) // [texts, seq]
        const batch = {
          layout: 'padded' as const,
          inputIds: golden.tensor(test.inputs.inputIds),
          attentionMask,
          tokenTypeIds: golden.tensor(test.inputs.tokenTypeIds),
        }
        const { bert } = model as BertForSequenceClassification
        const { lastHiddenState } = noGrad(() => bert.forward(batch)) // [texts, seq, hidden]
        const { text, values } = test.hiddenState
        const expected = golden.tensor(values) // [kept, hidden]
        const got = select(lastHiddenState.detach(), 0, text).narrow(0, 0, expected.shape[0]!)
        assertClose(got, expected, 'hidden state', { relative })
        assertClose(select(lastHiddenState.detach(), 1, 0), golden.tensor(test.cls), 'cls', { relative })
        const kept = unsqueeze(to(attentionMask, { dtype: test.dtype }), -1)
        const mean = div(sum(mul(lastHiddenState.detach(), kept), { dim: [1] }), sum(kept, { dim: [1] }))
        assertClose(mean, golden.tensor(test.meanPooled), 'mean pooled', { relative })
      })
      model.dispose()
    })
  }
})
