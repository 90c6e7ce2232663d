import type { Placement } from '../nn/index.ts'
import type { SequenceClassifier } from './classifier.ts'
import type { ConfigDefaults, EncoderConfig, FamilyFields } from './config.ts'

/** One kind of model: how its folders are read and written. Each file of a model exports one; `registry.ts` lists them. */
export interface ModelFamily extends FamilyFields {
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
  /** The same for names that only some configurations have no use for. */
  unusedBy?(config: EncoderConfig): readonly RegExp[]
  /** The present name of a tensor that older checkpoints have under another (with the prefix). */
  readonly renamed?: (name: string) => string
  /** Whether the parameter or buffer at a path starts anew where a checkpoint lacks it, beside a new head. */
  readonly startsAnew?: (path: string, newHead: boolean) => boolean
  /** Layers that are adapted unless said otherwise: PEFT's default, `query` and `value` where it is left out. */
  readonly targetModules?: readonly string[]
  /** Modules that train in full beside adapters, by their names on disk; what ends with `classifier` or `score` where it is left out. */
  readonly trainedInFull?: readonly string[]
  create(config: EncoderConfig, placement: Placement): SequenceClassifier
}
