import { ConfigError } from '../errors.ts'
import { type Check, type EncoderConfig, flag, positive, token } from './config.ts'
import type { ModelFamily } from './family.ts'

/** What an ESM has beside the common fields. */
export interface EsmConfig extends EncoderConfig {
  readonly positionEmbeddingType: 'absolute' | 'rotary'
  readonly ropeTheta: number
  readonly embLayerNormBefore: boolean | undefined
  /** Masked tokens are zero, and the others are scaled by how many there are. */
  readonly tokenDropout: boolean | undefined
  readonly maskTokenId: number | undefined
}

/** A switch that null leaves off. */
const optionalFlag: Check = ['true, false or null', value => value === null || flag[1](value)]

/** The fields of `config.json` that the family reads beside the common ones, with transformers' defaults. */
export const esmFields: NonNullable<ModelFamily['own']> = {
  positionEmbeddingType: {
    check: ['absolute or rotary', value => value === 'absolute' || value === 'rotary'],
    default: 'absolute',
  },
  ropeTheta: { check: positive, default: 10000 },
  embLayerNormBefore: { check: optionalFlag, default: null },
  tokenDropout: { check: optionalFlag, default: false },
  maskTokenId: { check: token, default: null },
  isFoldingModel: { check: ['false (folding is not supported)', value => !value], default: false },
  headDim: { check: ['nothing (heads of another size are not supported)', value => value === null], default: null },
}

/** @throws ConfigError where fields do not fit each other. */
export function checkFields(config: EsmConfig): void {
  const refuse = (expected: string): never => {
    throw new ConfigError('MODEL_CONFIG', `esm: expected ${expected}`)
  }
  if (config.padTokenId === undefined) refuse('a pad_token_id, got none; positions count from it')
  if (config.tokenDropout && config.maskTokenId === undefined) refuse('a mask_token_id with token_dropout, got none')
  const headDim = config.hiddenSize / config.numAttentionHeads
  if (config.positionEmbeddingType === 'rotary' && headDim % 2 !== 0)
    refuse(`an even size of heads with rotary positions, got ${headDim}`)
}
