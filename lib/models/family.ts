import type { JsonObject } from '../io/index.ts'
import type { Placement } from '../nn/index.ts'
import type { CausalLanguageModel } from './causal.ts'
import type { SequenceClassifier } from './classifier.ts'
import type { ConfigDefaults, EncoderConfig, ModelConfig } from './config.ts'

/** One kind of model: how its folders are read and written. Each file of a model exports one; `registry.ts` lists them. */
export interface ModelFamily {
  /** `model_type` in config.json. */
  readonly modelType: string
  /** First part of the encoder's names in a checkpoint with a head; absent there in a checkpoint of the encoder alone. */
  readonly prefix: string
  /** How names begin in a checkpoint of the encoder alone; `embeddings`, `encoder` or `pooler` unless said otherwise. */
  readonly parts?: RegExp
  /** First part of the head's names; `classifier` unless said otherwise. */
  readonly head?: string
  /** transformers' class for classification, which `architectures` in config.json names. */
  readonly architecture: string
  /** What transformers assumes for fields of an encoder that config.json leaves out. */
  readonly defaults?: ConfigDefaults
  /** How config.json is read where its fields are not those of `defaults`. */
  readConfig?(json: JsonObject, where: string): ModelConfig
  /** Standard deviation of the new weights of a layer; the configuration's `initializerRange` unless said otherwise. */
  startStd?(config: ModelConfig, path: string): number
  /** Layers that are adapted unless said otherwise: PEFT's default, `query` and `value` where it is left out. */
  readonly targetModules?: readonly string[]
  /** Names in checkpoints (with the prefix) that this library has no use for. Anything else it does not know is refused. */
  readonly ignorable: readonly RegExp[]
  create(config: EncoderConfig, placement: Placement): SequenceClassifier
  /** The same model with a head for the next token; absent for models that do not read from left to right. */
  readonly languageModel?: {
    readonly architecture: string
    readonly ignorable: readonly RegExp[]
    create(config: ModelConfig, placement: Placement): CausalLanguageModel
  }
}
