import type { JsonObject } from '../io/index.ts'
import { Module } from '../nn/index.ts'
import type { ModelConfig } from './config.ts'

/** Where a model was loaded from, and what of the checkpoint it did not take as it was. */
export interface ModelOrigin {
  readonly folder: string
  /** config.json as it was read; saving keeps the fields that this library does not know. */
  readonly config: JsonObject
  /** Names of the parameters that are new: the head's, where a new head was asked for. */
  readonly created: readonly string[]
  /** Names in the checkpoint that the model has no use for. */
  readonly ignored: readonly string[]
}

/** A model with a head for a task, on a body that could have another. */
export abstract class HeadedModel<Config extends ModelConfig = ModelConfig> extends Module {
  readonly config: Config
  /** Where it was loaded from, with what it did not find there; absent for a model that was made from a configuration. */
  origin: ModelOrigin | undefined = undefined

  constructor(config: Config) {
    super()
    this.config = config
  }

  /** The model below the head, under whatever name its checkpoints have for it. */
  protected abstract get body(): { readonly maxLength: number }

  /** Longest text that it can read, in tokens. */
  get maxLength(): number {
    return this.body.maxLength
  }
}
