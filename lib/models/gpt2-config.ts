import type { JsonObject } from '../io/index.ts'
import {
  type Check,
  flag,
  knownActivation,
  type ModelConfig,
  positive,
  probability,
  readConfig,
  size,
  token,
} from './config.ts'

/** Sizes and switches of GPT-2, by the names of its own `config.json`. */
export interface GPT2Config extends ModelConfig {
  readonly vocabSize: number
  readonly nPositions: number
  readonly nEmbd: number
  readonly nLayer: number
  readonly nHead: number
  /** Width of the feed-forward part; four times `nEmbd` where it is not given. */
  readonly nInner: number | undefined
  readonly activationFunction: string
  readonly residPdrop: number
  readonly embdPdrop: number
  readonly attnPdrop: number
  readonly layerNormEpsilon: number
  /** Divide scores by sqrt(headDim). */
  readonly scaleAttnWeights: boolean
  /** Divide the scores of layer i by i + 1 as well. */
  readonly scaleAttnByInverseLayerIdx: boolean
  /** Compute scores of narrow types in float32. */
  readonly reorderAndUpcastAttn: boolean
  readonly tieWordEmbeddings: boolean
  readonly bosTokenId: number | undefined
  readonly eosTokenId: number | readonly number[] | undefined
  readonly padTokenId: number | undefined
}

const optionalSize: Check = ['a whole number from 1 or null', value => value === null || size[1](value)]
const tokens: Check = [
  'a whole number from 0, a list of them or null',
  value =>
    token[1](value) || (Array.isArray(value) && value.length > 0 && value.every(id => id !== null && token[1](id))),
]

/** What the fields must be. */
export const gpt2Fields = {
  vocabSize: size,
  nPositions: size,
  nEmbd: size,
  nLayer: size,
  nHead: size,
  nInner: optionalSize,
  activationFunction: knownActivation,
  residPdrop: probability,
  embdPdrop: probability,
  attnPdrop: probability,
  layerNormEpsilon: positive,
  initializerRange: positive,
  scaleAttnWeights: flag,
  scaleAttnByInverseLayerIdx: flag,
  reorderAndUpcastAttn: flag,
  tieWordEmbeddings: flag,
  bosTokenId: token,
  eosTokenId: tokens,
  padTokenId: token,
} satisfies Record<string, Check>

/** transformers' defaults. */
const defaults: Readonly<Record<keyof typeof gpt2Fields, unknown>> = {
  vocabSize: 50257,
  nPositions: 1024,
  nEmbd: 768,
  nLayer: 12,
  nHead: 12,
  nInner: null,
  activationFunction: 'gelu_new',
  residPdrop: 0.1,
  embdPdrop: 0.1,
  attnPdrop: 0.1,
  layerNormEpsilon: 1e-5,
  initializerRange: 0.02,
  scaleAttnWeights: true,
  scaleAttnByInverseLayerIdx: false,
  reorderAndUpcastAttn: false,
  tieWordEmbeddings: true,
  bosTokenId: 50256,
  eosTokenId: 50256,
  padTokenId: null,
}

const isOff = (value: unknown) => value === false

/**
 * Reads the configuration of a GPT-2; `where` names the file.
 *
 * @throws ConfigError that lists every wrong field together.
 */
export function readGPT2Config(json: JsonObject, where: string): GPT2Config {
  const form = {
    fields: gpt2Fields,
    defaults,
    switches: [
      ['add_cross_attention', isOff, 'cross-attention'],
      ['is_encoder_decoder', isOff, 'an encoder-decoder'],
      ['pruned_heads', value => JSON.stringify(value) === '{}', 'pruned heads'],
      ['quantization_config', () => false, 'quantized weights'],
    ],
    where,
  } satisfies Parameters<typeof readConfig>[1]
  return readConfig<GPT2Config>(json, form, ({ nEmbd, nHead, padTokenId, vocabSize }, problems) => {
    if ((nEmbd as number) % (nHead as number) !== 0)
      problems.push(`n_embd: expected a multiple of n_head ${nHead}, got ${nEmbd}`)
    if (padTokenId !== undefined && (padTokenId as number) >= (vocabSize as number))
      problems.push(`pad_token_id: expected a token below vocab_size ${vocabSize}, got ${padTokenId}`)
  })
}
