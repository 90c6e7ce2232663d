import type { Placement } from '../nn/index.ts'
import type { SequenceClassifier } from './classifier.ts'
import type { ConfigDefaults, EncoderConfig } from './config.ts'
import type { TokenClassifier } from './token-classifier.ts'

/** One kind of model: how its folders are read and written. Each file of a model exports one; `registry.ts` lists them. */
export interface ModelFamily {
  /** `model_type` in config.json. */
  readonly modelType: string
  /** First part of the encoder's names in a checkpoint with a head; absent there in a checkpoint of the encoder alone. */
  readonly prefix: string
  /** transformers' class for classification, which `architectures` in config.json names. */
  readonly architecture: string
  /** What transformers assumes for fields that config.json leaves out. */
  readonly defaults: ConfigDefaults
  /** Names in checkpoints (with the prefix) that this library has no use for. Anything else it does not know is refused. */
  readonly ignorable: readonly RegExp[]
  create(config: EncoderConfig, placement: Placement): SequenceClassifier
  /** The same model with a head for every token; absent where it has none. */
  readonly tokenClassifier?: {
    readonly architecture: string
    /** Names that this head has no use for, beside the family's `ignorable`: those of a pooler. */
    readonly ignorable: readonly RegExp[]
    create(config: EncoderConfig, placement: Placement): TokenClassifier
  }
}
