import type { JsonObject } from '../io/index.ts'
import type { Placement } from '../nn/index.ts'
import type { CausalLanguageModel } from './causal.ts'
import type { SequenceClassifier } from './classifier.ts'
import type { Check, ConfigDefaults, EncoderConfig, FamilyFields, ModelConfig } from './config.ts'
import type { TokenClassifier } from './token-classifier.ts'

/** One kind of model: how its folders are read and written. Each file of a model exports one; `registry.ts` lists them. */
export interface ModelFamily extends FamilyFields {
  /** `model_type` in config.json. */
  readonly modelType: string
  /** First part of the encoder's names in a checkpoint with a head; absent there in a checkpoint of the encoder alone. */
  readonly prefix: string
  /** transformers' class for classification, which `architectures` in config.json names. */
  readonly architecture: string
  /** What transformers assumes for fields of an encoder that config.json leaves out. */
  readonly defaults?: ConfigDefaults
  /** The fields of config.json where they are not those of an encoder, by their names here. */
  readonly fields?: Readonly<Record<string, Check>>
  /** How config.json is read then. */
  readConfig?(json: JsonObject, where: string): ModelConfig
  /** Standard deviation of the new weights of a layer; the configuration's `initializerRange` unless said otherwise. */
  startStd?(config: ModelConfig, path: string): number
  /** Names in checkpoints (with the prefix) that this library has no use for. Anything else it does not know is refused. */
  readonly ignorable: readonly RegExp[]
  /** The same for names that only some configurations have no use for. */
  unusedBy?(config: EncoderConfig): readonly RegExp[]
  /** The present name of a tensor that older checkpoints have under another (with the prefix). */
  readonly renamed?: (name: string) => string
  /** Whether the parameter or buffer at a path starts anew where a checkpoint lacks it, beside a new head. */
  readonly startsAnew?: (path: string, newHead: boolean) => boolean
  /** Layers that adapters take where nothing else is said, as PEFT's defaults; query and value where left out. */
  readonly targetModules?: readonly string[]
  /** Modules of a classifier of texts that train in full beside adapters, by their names on disk; left out, what ends with `classifier` or `score`. */
  readonly head?: readonly string[]
  create(config: EncoderConfig, placement: Placement): SequenceClassifier
  /** The same model with a head for every token; absent where it has none. */
  readonly tokenClassifier?: {
    readonly architecture: string
    /** Names that this head has no use for, beside the family's `ignorable`: those of a pooler. */
    readonly ignorable: readonly RegExp[]
    create(config: EncoderConfig, placement: Placement): TokenClassifier
  }
  /** The same model with a head for the next token; absent for models that do not read from left to right. */
  readonly languageModel?: {
    readonly architecture: string
    readonly ignorable: readonly RegExp[]
    /** Other classes of transformers whose checkpoints hold all of this model with such a configuration. */
    alsoFrom(config: ModelConfig): readonly string[]
    create(config: ModelConfig, placement: Placement): CausalLanguageModel
  }
}
