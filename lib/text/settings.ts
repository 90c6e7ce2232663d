import { ConfigError } from '../errors.ts'
import { asObject, type JsonObject } from './files.ts'
import type { Side, Truncation } from './truncation.ts'

/** What a folder says about the lengths and the padding of its tokenizer; null where it says nothing. */
export interface TokenizerSettings {
  maxLength: number | null
  truncation: Truncation
  truncationSide: Side
  paddingSide: Side
  padId: number | null
  padTypeId: number
  /** Fixed length and multiple of the padding; only where the file's own settings were asked for. */
  padLength: number | null
  padMultipleOf: number | null
}

/** transformers writes 1e30 for "no limit". */
const noLimit = 1e9

/** Settings from tokenizer_config.json and the model's config.json. `padId` is that of the pad token, if there is one. */
export function folderSettings(config: JsonObject, model: JsonObject, padId: number | null): TokenizerSettings {
  const limits = [wholeNumber(config.model_max_length), positions(model)].filter(
    n => n !== null && n > 0 && n < noLimit,
  )
  return {
    maxLength: limits.length > 0 ? Math.min(...(limits as number[])) : null,
    truncation: 'longest_first',
    truncationSide: side(config, 'truncation_side'),
    paddingSide: side(config, 'padding_side'),
    padId: padId ?? wholeNumber(model.pad_token_id),
    padTypeId: wholeNumber(config.pad_token_type_id) ?? 0,
    padLength: null,
    padMultipleOf: null,
  }
}

/** The same, with truncation and padding of tokenizer.json itself in their place where it has some. */
export function fileSettings(settings: TokenizerSettings, parsed: JsonObject): TokenizerSettings {
  const result = { ...settings }
  const truncation = asObject(parsed.truncation)
  if (truncation) {
    result.maxLength = wholeNumber(truncation.max_length) ?? settings.maxLength
    result.truncation = strategies[String(truncation.strategy)] ?? 'longest_first'
    result.truncationSide = truncation.direction === 'Left' ? 'left' : 'right'
  }
  const padding = asObject(parsed.padding)
  if (padding) {
    result.paddingSide = padding.direction === 'Left' ? 'left' : 'right'
    result.padId = wholeNumber(padding.pad_id) ?? settings.padId
    result.padTypeId = wholeNumber(padding.pad_type_id) ?? settings.padTypeId
    result.padLength = wholeNumber(asObject(padding.strategy)?.Fixed)
    result.padMultipleOf = wholeNumber(padding.pad_to_multiple_of)
  }
  return result
}

const strategies: Record<string, Truncation> = {
  LongestFirst: 'longest_first',
  OnlyFirst: 'only_first',
  OnlySecond: 'only_second',
}

/** Tokens that the model has positions for. RoBERTa's, and ESM's own, begin after the padding id: 514 rows serve 512 tokens. */
function positions(model: JsonObject): number | null {
  const rows = wholeNumber(model.max_position_embeddings) ?? wholeNumber(model.n_positions)
  const isEsm = model.model_type === 'esm' && model.position_embedding_type !== 'rotary'
  const isOffset = isEsm || (typeof model.model_type === 'string' && model.model_type.includes('roberta'))
  return rows === null || !isOffset ? rows : rows - (wholeNumber(model.pad_token_id) ?? 1) - 1
}

function side(config: JsonObject, key: 'truncation_side' | 'padding_side'): Side {
  const value = config[key] ?? 'right'
  if (value === 'left' || value === 'right') return value
  throw new ConfigError(
    'tokenizer-config',
    `tokenizer_config.json: expected ${key} 'left' or 'right', got ${JSON.stringify(value)}; correct the file`,
    { key, allowed: ['left', 'right'] },
  )
}

function wholeNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null
}
