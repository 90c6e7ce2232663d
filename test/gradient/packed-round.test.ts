import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { adaptedLayers, orthogonality, prepareModel, trainableParameters } from '../../lib/adapters/index.ts'
import { step } from '../../lib/bilevel/index.ts'
import { type Batch, classificationLoss, loadModel, packBatch, toBatch } from '../../lib/models/index.ts'
import { AdamW } from '../../lib/optim/index.ts'
import { add, mul } from '../../lib/ops/index.ts'
import { manualSeed, type Tensor, tensor } from '../../lib/tensor/index.ts'
import { tinyModel } from '../e2e/tiny-model.ts'

interface LabelledBatch {
  inputs: Batch
  labels: Tensor
}

/** Five texts of 1 to 9 tokens, filled up at the end to the longest one. */
function batchOf(first: number, pack: boolean): LabelledBatch {
  const texts = 5
  const lengths = Array.from({ length: texts }, (_, text) => 1 + ((first + text * 2) % 9))
  const seq = Math.max(...lengths)
  const inputIds = new BigInt64Array(texts * seq)
  const attentionMask = new BigInt64Array(texts * seq)
  for (let text = 0; text < texts; text++) {
    for (let place = 0; place < lengths[text]!; place++) {
      inputIds[text * seq + place] = BigInt(5 + ((first * 7 + text * 3 + place * 5) % 19))
      attentionMask[text * seq + place] = 1n
    }
  }
  const arrays = { layout: 'padded', shape: [texts, seq], inputIds, attentionMask } as const
  const labels = tensor([0, 1, 1, 0, 1], { dtype: 'int64' })
  return { inputs: pack ? packBatch(arrays) : toBatch(arrays), labels }
}

describe('a search round on packed batches', () => {
  for (const [dtype, tolerance] of [
    ['float64', 1e-10],
    ['float32', 1e-5],
  ] as const) {
    for (const [magnitudeAxis, training] of [
      ['out', false],
      ['in', false],
      ['out', true],
    ] as const) {
      it(`moves both levels as on padded ones: ${dtype}, axis ${magnitudeAxis}${training ? ', dropout on' : ''}`, () => {
        const [packed, padded] = [true, false].map(pack => {
          manualSeed(3)
          const folder = tinyModel()
          const model = loadModel(folder, { head: 'new', labels: ['0', '1'], dtype })
          rmSync(folder, { recursive: true })
          prepareModel(model, {
            method: 'bidora',
            rank: 2,
            loraAlpha: 4,
            loraDropout: training ? 0.1 : 0,
            targetModules: ['query', 'value', 'dense'],
            magnitudeAxis,
            detachNorm: false,
          })
          model.train(training)
          manualSeed(4)
          const [lower, upper] = (['lower', 'upper'] as const).map(level =>
            trainableParameters(model)[level].map(([, parameter]) => parameter),
          ) as [Tensor[], Tensor[]]
          const layers = [...adaptedLayers(model).values()]
          const loss = ({ inputs, labels }: LabelledBatch) =>
            classificationLoss(model.forward(inputs).logits, labels, 'single-label')
          const moved = [lower, upper].map(
            // With its usual term AdamW moves a parameter whose gradient is nearly 0 by the sign of a rounding error.
            parameters => new AdamW([{ parameters, learningRate: 0.01, weightDecay: 0 }], { eps: 1e-4 }),
          )
          for (let round = 0; round < 3; round++) {
            step(
              {
                lowerLoss: (batch: LabelledBatch) => add(loss(batch), mul(orthogonality(layers), 1e-2)),
                upperLoss: loss,
                lowerParameters: lower,
                upperParameters: upper,
              },
              { lowerBatches: [batchOf(round, pack)], upperBatch: batchOf(round + 10, pack) },
              {
                updateLower: gradients => moved[0]!.step(gradients),
                updateUpper: gradients => moved[1]!.step(gradients),
                hypergradient: { method: 'finite-difference', radius: 0.01 },
              },
            )
          }
          const values = [...lower, ...upper].map(parameter => [...parameter.data()].map(Number))
          model.dispose()
          return values
        }) as [number[][], number[][]]
        for (const [index, expected] of padded.entries()) {
          const scale = Math.max(...expected.map(Math.abs))
          const off = Math.max(...expected.map((value, i) => Math.abs(value - packed[index]![i]!)))
          assert.ok(off <= tolerance * scale, `parameter ${index}: ${off} of ${scale}`)
        }
      })
    }
  }
})
