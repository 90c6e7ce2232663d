import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { type Checkpoint, openCheckpoint, readJsonObject } from '../io/index.ts'
import { final, type Source } from './source.ts'

/** The weights of a Hugging Face folder, found by layer. */
export interface WholeModel {
  readonly folder: string
  readonly checkpoint: Checkpoint
  /** Layers with a weight of two dimensions, without tables of embeddings and heads, by their names here. */
  readonly layers: readonly string[]
  /** Name here of a layer that may be called otherwise elsewhere: `bert.encoder...` there, `encoder...` here. */
  find(layer: string): string | undefined
}

/** Model types that store the weights of linear layers as `[in, out]`. */
const transposed = ['gpt2', 'openai-gpt', 'imagegpt', 'gpt_bigcode_v0']
/** Tables of embeddings are looked up, not multiplied; heads are new in every fine-tuned model. */
const isTable = /(^|[._])(embeddings?|embed_tokens|embed_positions|wte|wpe|shared)(\.|$)/
const isHead = /^(classifier|score|lm_head|cls|qa_outputs|pre_classifier)(\.|$)/

/**
 * Opens the weights of a Hugging Face folder; nothing is read yet.
 *
 * @throws FormatError where there are none, or where the model's linear layers are stored the other way round
 */
export function openWhole(folder: string): WholeModel {
  const checkpoint = openCheckpoint(folder)
  const config = join(folder, 'config.json')
  const type = existsSync(config) ? readJsonObject(config).model_type : undefined
  if (transposed.includes(String(type))) {
    throw new FormatError(
      'ANALYZE_TRANSPOSED',
      `analyze: ${folder}: expected linear layers that are stored as [out, in], got a model of type ${type}, which stores them as [in, out]; such models are not analysed yet`,
      { folder, modelType: type },
    )
  }
  const weights = new Map(
    [...checkpoint.entries]
      .filter(([name, { shape }]) => name.endsWith('.weight') && shape.length === 2)
      .map(([name]) => [name.slice(0, -'.weight'.length), name]),
  )
  const bySuffix = new Map([...weights.keys()].map(layer => [withoutFirst(layer), layer]))
  return {
    folder,
    checkpoint,
    layers: [...weights.keys()].filter(layer => !isTable.test(layer) && !isHead.test(layer)),
    find(layer) {
      if (weights.has(layer)) return layer
      const shorter = withoutFirst(layer)
      return weights.has(shorter) ? shorter : bySuffix.get(layer)
    },
  }
}

/**
 * A whole model as a source.
 *
 * @param base the model whose names for the layers are used; left out, its own
 */
export function wholeSource(model: WholeModel, base: WholeModel = model): Source {
  const names = new Map(model.layers.map(layer => [base.find(layer), layer]))
  return {
    ...final,
    isWhole: true,
    path: model.folder,
    layers: [...names.keys()].filter(name => name !== undefined),
    has: layer => model.find(layer) !== undefined,
    weight: layer => ({ weight: model.checkpoint.tensor(`${model.find(layer)}.weight`) }),
  }
}

/** `encoder.layer.0` of `bert.encoder.layer.0`: a checkpoint of the encoder alone lacks the family's name in front. */
function withoutFirst(layer: string): string {
  return layer.slice(layer.indexOf('.') + 1)
}
