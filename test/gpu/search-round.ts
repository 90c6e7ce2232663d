import { adaptedLayers, orthogonality, prepareModel, trainableParameters } from '../../lib/adapters/index.ts'
import { step } from '../../lib/bilevel/index.ts'
import {
  type Batch,
  classificationLoss,
  createModel,
  type SequenceClassifier,
  toBatch,
} from '../../lib/models/index.ts'
import { useAttentionKernel } from '../../lib/nn/index.ts'
import { AdamW } from '../../lib/optim/index.ts'
import { copy_, manualSeed, noGrad, randn, scope, type Tensor, tensor, to } from '../../lib/torch.ts'
import { tinyConfig } from '../unit/models/tiny.ts'

/** Where and how precisely a round runs. */
export interface Place {
  device: string
  dtype: 'float32' | 'float64'
}

/** Everything a round computes, by name, as plain numbers. */
export type RoundNumbers = Map<string, Float64Array>

/** A tiny BERT with BiDoRA adapters away from their start; the same numbers in every place. */
export function adaptedModel(place: Place): SequenceClassifier {
  manualSeed(1)
  const model = createModel({ ...tinyConfig, hidden_size: 16, intermediate_size: 24 }, place)
  prepareModel(model, {
    method: 'bidora',
    rank: 4,
    loraAlpha: 8,
    loraDropout: 0,
    targetModules: ['query', 'value', 'intermediate.dense'],
    magnitudeAxis: 'out',
    detachNorm: false,
  })
  // The explicit kernel has the second derivatives that the exact method takes.
  useAttentionKernel(model, 'explicit')
  // Adapters are drawn on their device and in their dtype; these numbers are the same everywhere.
  manualSeed(2)
  noGrad(() =>
    scope(() => {
      for (const [name, parameter] of model.namedParameters()) {
        if (/lora[AB]$/.test(name)) copy_(parameter, randn(parameter.shape).mul(0.2))
      }
    }),
  )
  return model
}

/** One search round; gives the gradients, losses, hypergradients and the parameters after it. */
export function searchRound(method: 'first-order' | 'finite-difference' | 'exact', place: Place): RoundNumbers {
  const model = adaptedModel(place)
  const numbers: RoundNumbers = new Map()
  const note = (name: string, value: Tensor) =>
    numbers.set(name, Float64Array.from(value.detach().to({ dtype: 'float64' }).data() as Float64Array))
  try {
    scope(() => {
      const { lower, upper } = trainableParameters(model)
      const tensorsOf = (named: [string, Tensor][]) => named.map(([, parameter]) => parameter)
      const lowerOptimizer = new AdamW([{ parameters: tensorsOf(lower), learningRate: 1e-3, weightDecay: 0.01 }])
      const upperOptimizer = new AdamW([{ parameters: tensorsOf(upper), learningRate: 1e-2, weightDecay: 0 }])
      const layers = [...adaptedLayers(model).values()]
      const taskLoss = ({ inputs, labels }: { inputs: Batch; labels: Tensor }) =>
        classificationLoss(model.forward(inputs).logits, labels, 'single-label')
      const round = step(
        {
          lowerLoss: batch => taskLoss(batch).add(orthogonality(layers).mul(1e-3)),
          upperLoss: taskLoss,
          lowerParameters: tensorsOf(lower),
          upperParameters: tensorsOf(upper),
        },
        { lowerBatches: [batchOf(0, place.device)], upperBatch: batchOf(1, place.device) },
        {
          updateLower: gradients => {
            gradients.forEach((gradient, i) => note(`gradient of ${lower[i]![0]}`, gradient))
            lowerOptimizer.step(gradients)
          },
          updateUpper: gradients => {
            gradients.forEach((gradient, i) => note(`hypergradient of ${upper[i]![0]}`, gradient))
            upperOptimizer.step(gradients)
          },
          hypergradient: { method },
        },
      )
      note('lower loss', round.lowerLoss)
      note('upper loss', round.upperLoss!)
      for (const [name, parameter] of [...lower, ...upper]) note(`after: ${name}`, parameter)
    })
    return numbers
  } finally {
    model.dispose()
  }
}

/** Four texts of up to six tokens, the last ones padded. */
function batchOf(which: number, device: string): { inputs: Batch; labels: Tensor } {
  const rows = [0, 1, 2, 3].map(row => [0, 1, 2, 3, 4, 5].map(i => 1 + ((7 * row + 3 * i + 5 * which + row * i) % 19)))
  const kept = rows.map((ids, row) => ids.map((_, i) => (i < 6 - (row % 3) ? 1 : 0)))
  const flat = (values: number[][]) => BigInt64Array.from(values.flat(), BigInt)
  const inputs = toBatch({ layout: 'padded', shape: [4, 6], inputIds: flat(rows), attentionMask: flat(kept) }, device)
  return { inputs, labels: to(tensor([0, 1, 2, which], { dtype: 'int64' }), { device }) }
}
