import { ConfigError } from '../errors.ts'
import {
  type Check,
  type EncoderConfig,
  flag,
  knownActivation,
  optionalProbability,
  probability,
  size,
} from './config.ts'
import type { ModelFamily } from './family.ts'

/** What a DeBERTa has beside the common fields. */
export interface DebertaConfig extends EncoderConfig {
  readonly relativeAttention: boolean
  /** Position terms of the scores, as the file has them: c2p, p2c, both or none (`termsOf`). */
  readonly posAttType: string | readonly string[] | undefined
  /** Whether the layers of query and key also make those of distances. */
  readonly shareAttKey: boolean
  /** Distances are put into so many buckets on each side, the far ones by their logarithm; none below 1. */
  readonly positionBuckets: number
  /** Largest distance; that of `maxPositionEmbeddings` below 1. */
  readonly maxRelativePositions: number
  /** What is done to the vectors of distances. */
  readonly normRelEbd: string
  /** Whether the input has vectors of its places. */
  readonly positionBiasedInput: boolean
  /** Size of the words' vectors; that of hidden states where undefined. */
  readonly embeddingSize: number | undefined
  readonly attentionHeadSize: number | undefined
  readonly poolerHiddenSize: number | undefined
  /** Tokens that the convolution of the first layer sees; no convolution where 0. */
  readonly convKernelSize: number
  readonly convGroups: number
  readonly convAct: string
  readonly poolerDropout: number
  readonly poolerHiddenAct: string
  readonly clsDropout: number | undefined
}

const whole: Check = ['a whole number', Number.isSafeInteger]
const count: Check = ['a whole number from 0', value => Number.isSafeInteger(value) && (value as number) >= 0]
const optionalSize: Check = ['a whole number from 1 or null', value => value === null || size[1](value)]
const kernel: Check = ['0 or an odd number', value => value === 0 || (count[1](value) && (value as number) % 2 === 1)]
const terms: Check = ['c2p, p2c, both joined by |, or a list of them', value => termsOf(value) !== undefined]
const norms: Check = ['none or layer_norm', value => typeof value === 'string' && normsOf(value).every(isNorm)]

/** The fields of `config.json` that the family reads beside the common ones, with transformers' defaults. */
export const debertaFields: NonNullable<ModelFamily['own']> = {
  typeVocabSize: { check: count, default: 0 },
  relativeAttention: { check: flag, default: false },
  posAttType: { check: terms, default: null },
  shareAttKey: { check: flag, default: false },
  positionBuckets: { check: whole, default: -1 },
  maxRelativePositions: { check: whole, default: -1 },
  normRelEbd: { check: norms, default: 'none' },
  positionBiasedInput: { check: flag, default: true },
  embeddingSize: { check: optionalSize, default: null },
  attentionHeadSize: { check: optionalSize, default: null },
  convKernelSize: { check: kernel, default: 0 },
  convGroups: { check: size, default: 1 },
  convAct: { check: knownActivation, default: 'tanh' },
  poolerDropout: { check: probability, default: 0 },
  poolerHiddenAct: { check: knownActivation, default: 'gelu' },
  poolerHiddenSize: { check: optionalSize, default: null },
  clsDropout: { check: optionalProbability, default: null },
}

/** The position terms that `pos_att_type` names; undefined where it names others. */
export function termsOf(value: unknown): string[] | undefined {
  const listed = typeof value === 'string' ? value.toLowerCase().split('|') : (value ?? [])
  if (!Array.isArray(listed)) return undefined
  const found = listed.map(term => String(term).trim()).filter(term => term !== '')
  return found.every(term => term === 'c2p' || term === 'p2c') ? found : undefined
}

/** The parts of `norm_rel_ebd`. */
export function normsOf(value: string): string[] {
  return value
    .toLowerCase()
    .split('|')
    .map(part => part.trim())
}

function isNorm(part: string): boolean {
  return part === 'none' || part === 'layer_norm'
}

/** @throws ConfigError for sizes that do not fit each other. */
export function checkSizes(config: DebertaConfig): void {
  const { hiddenSize, numAttentionHeads, attentionHeadSize, poolerHiddenSize, convKernelSize, convGroups } = config
  const refuse = (expected: string): never => {
    throw new ConfigError('MODEL_CONFIG', `deberta-v2: expected ${expected}; use another model or correct the file`)
  }
  const headDim = hiddenSize / numAttentionHeads
  if ((attentionHeadSize ?? headDim) !== headDim)
    refuse(`an attention_head_size of ${headDim}, got ${attentionHeadSize}`)
  if ((poolerHiddenSize ?? hiddenSize) !== hiddenSize)
    refuse(`a pooler_hidden_size of ${hiddenSize}, got ${poolerHiddenSize}`)
  if (convKernelSize > 0 && hiddenSize % convGroups !== 0)
    refuse(`conv_groups that divide the hidden_size ${hiddenSize}, got ${convGroups}`)
}
