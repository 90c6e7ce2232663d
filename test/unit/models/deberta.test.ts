import assert from 'node:assert/strict'

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noGrad } from '../../../lib/autograd/index.ts'
import { readJsonObject, readSafetensors, writeSafetensors } from '../../../lib/io/index.ts'
import type { DebertaConfig } from '../../../lib/models/deberta-config.ts'
import { bucketsOf, distancesOf } from '../../../lib/models/deberta-distances.ts'
import { createModel, loadModel, saveModel } from '../../../lib/models/index.ts'
import { arange, neg, to } from '../../../lib/ops/index.ts'
import { manualSeed, scope, tensor } from '../../../lib/tensor/index.ts'
import { root } from '../../parity/golden.ts'
import { familyConfigs } from './family-configs.ts'
import { batchOf } from './texts.ts'

interface Buckets {
  positionBuckets: number
  maxRelativePositions: number
  /** Of the distances from 0 on. */
  buckets: number[]
}

const golden = join(root, 'test/golden/encoders/buckets.json')
const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as { cases: Buckets[] }
const configOf = (fields: Partial<DebertaConfig>) => ({ maxPositionEmbeddings: 512, ...fields }) as DebertaConfig

describe('models: distances of DeBERTa', () => {
  for (const { buckets, ...fields } of cases) {
    it(`fall into the buckets of transformers: ${fields.positionBuckets} for ${fields.maxRelativePositions}`, () => {
      scope(() => {
        const distances = arange(0, buckets.length, { dtype: 'int64' })
        assert.deepEqual(bucketsOf(distances, configOf(fields)).tolist(), buckets)
        const before = buckets.map(bucket => (bucket === 0 ? 0 : -bucket))
        assert.deepEqual(bucketsOf(neg(distances), configOf(fields)).tolist(), before)
      })
    })
  }

  it('stay as they are without buckets, and take only the rows that a text needs', () => {
    scope(() => {
      const config = configOf({ positionBuckets: -1, maxRelativePositions: 8 })
      assert.deepEqual(bucketsOf(tensor([-3n, 0n, 400n]), config).tolist(), [-3, 0, 400])
      const { start, count, distanceOf } = distancesOf(3, config, 'cpu')
      assert.deepEqual([start, count], [6, 5]) // distances -2 to 2 of a table from -8 to 7
      assert.deepEqual(distanceOf.tolist(), [
        [2, 1, 0],
        [3, 2, 1],
        [4, 3, 2],
      ])
      // No largest distance: that of the places.
      const open = distancesOf(3, configOf({ positionBuckets: 0, maxRelativePositions: 0 }), 'cpu')
      assert.deepEqual([open.start, open.count], [510, 5])
      // Beyond the table there are its ends: from -8 to 7.
      const long = distancesOf(12, config, 'cpu')
      assert.deepEqual([long.start, long.count], [0, 16])
      assert.deepEqual((long.distanceOf.tolist() as number[][])[0], [8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0])
    })
  })
})

describe('models: padding of DeBERTa', () => {
  for (const dtype of ['float64', 'float32', 'bfloat16', 'float16'] as const) {
    it(`is not seen, ${dtype}`, () => {
      manualSeed(5)
      const model = createModel(familyConfigs['deberta-v2']!.config, { dtype })
      scope(() => {
        const of = (texts: number[][]) => noGrad(() => to(model.forward(batchOf(texts)).logits, { dtype: 'float64' }))
        const together = of([
          [5, 6],
          [4, 9, 8, 7, 5, 6, 11, 12],
        ]).narrow(0, 0, 1)
        const apart = Number(
          together
            .sub(of([[5, 6]]))
            .abs()
            .max()
            .item(),
        )
        const bound = { float64: 1e-12, float32: 1e-5, bfloat16: 0.1, float16: 0.02 }[dtype]
        assert.ok(apart <= bound * Number(together.abs().max().item()), String(apart))
      })
      model.dispose()
    })
  }
})

describe('models: checkpoints of DeBERTa', () => {
  it('may have places that are not read, heads of pretraining, and the pooler of another task', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-deberta-'))
    try {
      const model = createModel(familyConfigs['deberta-v2']!.config)
      saveModel(model, folder)
      model.dispose()
      // To transformers null is a value, and no size.
      const written = Object.keys(readJsonObject(join(folder, 'config.json')))
      const sizes = ['attention_head_size', 'pooler_hidden_size', 'embedding_size', 'hidden_size']
      assert.deepEqual(
        sizes.filter(name => written.includes(name)),
        ['hidden_size'],
      )
      const file = join(folder, 'model.safetensors')
      const extra = {
        'deberta.embeddings.position_embeddings.weight': tensor([[1]]),
        'lm_predictions.lm_head.bias': tensor([1]),
        'mask_predictions.dense.weight': tensor([[1]]),
      }
      const pooler = scope(() => {
        const tensors = readSafetensors(file, { copy: true })
        writeSafetensors(file, new Map([...tensors, ...Object.entries(extra)]))
        return tensors.get('pooler.dense.weight')!.tolist()
      })
      const again = loadModel(folder, { head: 'new', labels: ['a', 'b'], copy: true })
      assert.deepEqual(again.origin!.created.toSorted(), ['classifier.bias', 'classifier.weight'])
      assert.deepEqual(
        again.origin!.ignored.toSorted(),
        ['classifier.bias', 'classifier.weight', ...Object.keys(extra)].toSorted(),
      )
      const kept = again.namedParameters().find(([path]) => path === 'pooler.dense.weight')![1]
      assert.deepEqual(
        noGrad(() => kept.tolist()),
        pooler,
      )
      again.dispose()
      scope(() => {
        const tensors = readSafetensors(file, { copy: true })
        tensors.delete('pooler.dense.weight')
        writeSafetensors(file, tensors)
      })
      assert.throws(() => loadModel(folder, { copy: true }), /1 missing: pooler\.dense\.weight/)
      loadModel(folder, { head: 'new', labels: ['a', 'b'], copy: true }).dispose()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
