import { prepareModel, type TuningSettings, trainableParameters } from '../../lib/adapters/index.ts'
import { createModel, type SequenceClassifier } from '../../lib/models/index.ts'
import { manualSeed, type Tensor } from '../../lib/torch.ts'
import type { PlainBatch } from './work.ts'

/** Sizes of a BERT with random weights. */
export interface Sizes {
  layers: number
  hidden: number
  heads: number
  intermediate: number
  rank: number
}

const vocabulary = 1000

/** A BERT with random weights and adapters on query and value, dropout on. */
export function randomModel(
  { layers, hidden, heads, intermediate, rank }: Sizes,
  method: 'lora' | 'bidora',
): { model: SequenceClassifier; lower: Tensor[]; upper: Tensor[] } {
  manualSeed(0)
  const model = createModel({
    model_type: 'bert',
    vocab_size: vocabulary,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    max_position_embeddings: 512,
  })
  const common = { rank, loraAlpha: 2 * rank, loraDropout: 0, targetModules: ['query', 'value'] }
  const settings: TuningSettings =
    method === 'lora' ? { method, ...common } : { method, magnitudeAxis: 'out', detachNorm: false, ...common }
  prepareModel(model, settings)
  const { lower, upper } = trainableParameters(model)
  return { model: model.train(true), lower: lower.map(([, t]) => t), upper: upper.map(([, t]) => t) }
}

/** Texts of the given lengths, of tokens that follow from their places. */
export function randomTexts(lengths: readonly number[], seed = 0): PlainBatch {
  const longest = Math.max(...lengths)
  const rows = (value: (text: number, place: number) => number) =>
    lengths.map((_, text) => Array.from({ length: longest }, (_, place) => value(text, place)))
  const token = (text: number, place: number) => 1 + ((seed * 31 + text * 131 + place * 17) % (vocabulary - 1))
  return {
    inputIds: rows((text, place) => (place < lengths[text]! ? token(text, place) : 0)),
    attentionMask: rows((text, place) => (place < lengths[text]! ? 1 : 0)),
    tokenTypeIds: rows(() => 0),
    labels: lengths.map((_, text) => (text + seed) % 2),
  }
}
