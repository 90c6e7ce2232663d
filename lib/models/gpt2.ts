import {
  type Activation,
  Attention,
  type AttentionContext,
  activation,
  Conv1D,
  Dropout,
  Embedding,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  type Placement,
} from '../nn/index.ts'
import { add, amax, arange, chunk, cumsum, indexSelect, mul, narrow, ne, sub, to, view } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { type Batch, checkBatch, requirePadded } from './batch.ts'
import {
  CausalLanguageModel,
  type CausalOptions,
  causalContext,
  keptTokens,
  type LanguageOptions,
  type LanguageOutput,
} from './causal.ts'
import { type ClassifierOutput, type EncoderOutput, type ForwardOptions, SequenceClassifier } from './classifier.ts'
import type { ModelConfig } from './config.ts'
import type { ModelFamily } from './family.ts'
import { type GPT2Config, gpt2Fields, readGPT2Config } from './gpt2-config.ts'
import { KeyValueCache, type LayerCache } from './key-value-cache.ts'
import { checkpointed, plain } from './stack.ts'

// "Language Models are Unsupervised Multitask Learners", as transformers' modeling_gpt2.py computes it: layer norm before
// each half of a layer, and weights [in, out]. The properties bear the names of the checkpoints.
//
// Hidden states are [batch, seq, hidden], or [rows, hidden] where a batch has no padding; written [..., hidden].

/** Causal attention with query, key and value from one projection. */
class GPT2Attention extends Module {
  /** [..., hidden] to query, key and value beside each other, [..., 3 hidden] */
  cAttn: Layer
  cProj: Layer
  readonly attend: Attention
  readonly dropout: Dropout

  /** @param place Of its layer, from 0. */
  constructor(config: GPT2Config, place: number, placement: Placement) {
    super()
    const { nEmbd, nHead, attnPdrop, residPdrop } = config
    this.cAttn = new Conv1D(nEmbd, 3 * nEmbd, placement)
    this.cProj = new Conv1D(nEmbd, nEmbd, placement)
    const byWidth = config.scaleAttnWeights ? Math.sqrt(nEmbd / nHead) : 1
    const byLayer = config.scaleAttnByInverseLayerIdx ? place + 1 : 1
    this.attend = new Attention(nHead, {
      dropout: attnPdrop,
      scale: 1 / byWidth / byLayer,
      upcast: config.reorderAndUpcastAttn,
    })
    this.dropout = new Dropout(residPdrop)
  }

  /** [..., hidden] to [..., hidden], with the residual added. */
  forward(input: Tensor, residual: Tensor, context: AttentionContext, cache?: LayerCache): Tensor {
    const rows = context.rows?.placeOf
    const fused = this.cAttn.forward(input, rows) // [..., 3 hidden]
    const [query, key, value] = chunk(fused, 3, { dim: -1 }) as [Tensor, Tensor, Tensor]
    const [keys, values] = cache ? cache.append(key, value) : [key, value]
    const attended = this.attend.forward(query, keys, values, context) // [..., hidden]
    return this.dropout.forward(this.cProj.forward(attended, rows), { residual, rows })
  }
}

/** The feed-forward half of a layer. */
class GPT2MLP extends Module {
  cFc: Layer
  cProj: Layer
  readonly dropout: Dropout
  readonly #activation: Activation

  constructor(config: GPT2Config, placement: Placement) {
    super()
    const inner = config.nInner ?? 4 * config.nEmbd
    this.cFc = new Conv1D(config.nEmbd, inner, placement)
    this.cProj = new Conv1D(inner, config.nEmbd, placement)
    this.dropout = new Dropout(config.residPdrop)
    this.#activation = activation(config.activationFunction)
  }

  /** [..., hidden] to [..., hidden], with the residual added. */
  forward(input: Tensor, residual: Tensor, rows: Tensor | undefined): Tensor {
    const inner = this.#activation(this.cFc.forward(input, rows)) // [..., inner]
    return this.dropout.forward(this.cProj.forward(inner, rows), { residual, rows })
  }
}

/** One layer: attention, then feed-forward, each on the normalised input and added to it. */
class GPT2Block extends Module {
  readonly ln1: LayerNorm
  readonly attn: GPT2Attention
  readonly ln2: LayerNorm
  readonly mlp: GPT2MLP

  constructor(config: GPT2Config, place: number, placement: Placement) {
    super()
    const norm = { ...placement, eps: config.layerNormEpsilon }
    this.ln1 = new LayerNorm(config.nEmbd, norm)
    this.attn = new GPT2Attention(config, place, placement)
    this.ln2 = new LayerNorm(config.nEmbd, norm)
    this.mlp = new GPT2MLP(config, placement)
  }

  forward(input: Tensor, context: AttentionContext, cache?: LayerCache): Tensor {
    const attended = scope(() => this.attn.forward(this.ln1.forward(input), input, context, cache)) // frees scores
    return this.mlp.forward(this.ln2.forward(attended), attended, context.rows?.placeOf)
  }
}

/** Embeddings, the stack of layers and the last layer norm. Token types are not read: its tokenizer gives none. */
export class GPT2Model extends Module {
  wte: Layer
  wpe: Layer
  readonly drop: Dropout
  readonly h: GPT2Block[]
  readonly lnF: LayerNorm
  /** Longest text that it can read, in tokens. */
  readonly maxLength: number
  /** Whether a layer's activations are computed again in the backward, which then has no second derivative. */
  checkpointing = false
  readonly #vocabSize: number

  constructor(config: GPT2Config, placement: Placement = {}) {
    super()
    this.wte = new Embedding(config.vocabSize, config.nEmbd, placement)
    this.wpe = new Embedding(config.nPositions, config.nEmbd, placement)
    this.drop = new Dropout(config.embdPdrop)
    this.h = Array.from({ length: config.nLayer }, (_, place) => new GPT2Block(config, place, placement))
    this.lnF = new LayerNorm(config.nEmbd, { ...placement, eps: config.layerNormEpsilon })
    this.maxLength = config.nPositions
    this.#vocabSize = config.vocabSize
  }

  /**
   * Hidden states of a batch; the first is that of the embeddings, the last has the last layer norm.
   *
   * @throws ShapeError where the texts, with those in the cache, are longer than `maxLength` or tensors disagree,
   * ArgumentError for a foreign token and for a packed batch with a cache.
   */
  forward(batch: Batch, { hiddenStates: every = false, cache }: CausalOptions = {}): EncoderOutput {
    if (cache) requirePadded(batch, 'forward with a cache')
    checkBatch(batch, this.maxLength - (cache?.length ?? 0), this.#vocabSize)
    const kept = keptTokens(batch, cache)
    const positions = positionsOf(batch, kept, cache?.length ?? 0)
    const rows = batch.layout === 'packed' ? { rows: batch.rows.placeOf } : {}
    const words = this.wte.forward(batch.inputIds) // [..., hidden]
    const embedded = this.drop.forward(add(words, this.wpe.forward(positions)), rows)
    const context = causalContext(batch, embedded.dtype, kept)
    const states = [embedded]
    let hidden = embedded
    for (const [place, block] of this.h.entries()) {
      const layer = cache?.layers[place]
      const run = this.checkpointing && !layer ? checkpointed : plain
      const output = scope(() => run(block, hidden, context, layer)) // frees what only this layer used
      if (every && place < this.h.length - 1) states.push(output)
      else if (hidden !== embedded && !every) hidden.dispose()
      hidden = output
    }
    cache?.remember(kept)
    const last = this.lnF.forward(hidden)
    return { lastHiddenState: last, ...(every ? { hiddenStates: [...states, last] } : {}) }
  }
}

/** Place of each token in its text, padding not counted: as `generate` of transformers has it, [..., seq] or [seq]. */
function positionsOf(batch: Batch, kept: Tensor | undefined, past: number): Tensor {
  if (batch.layout === 'packed') return batch.positions
  const seq = batch.inputIds.shape[1]!
  if (!kept) return arange(past, past + seq, { device: batch.inputIds.device })
  const real = to(kept, { dtype: 'int64' })
  const counted = mul(sub(cumsum(real, 1), 1), real) // [batch, keys], 0 for padding
  return past === 0 ? counted : narrow(counted, 1, past, seq)
}

/** The language model: logits from the last hidden states, by the word table itself where the configuration ties them. */
export class GPT2LMHeadModel extends CausalLanguageModel {
  readonly transformer: GPT2Model
  lmHead: Layer

  constructor(config: GPT2Config, placement: Placement = {}) {
    super(config)
    this.transformer = new GPT2Model(config, placement)
    const head = new Linear(config.nEmbd, config.vocabSize, { ...placement, bias: false })
    if (config.tieWordEmbeddings) {
      head.weight.dispose()
      head.weight = (this.transformer.wte as Embedding).weight
    }
    this.lmHead = head
  }

  protected override get body(): GPT2Model {
    return this.transformer
  }

  newCache(): KeyValueCache {
    return new KeyValueCache(this.transformer.h.length)
  }

  override forward(batch: Batch, { lastOnly = false, ...options }: LanguageOptions = {}): LanguageOutput {
    if (lastOnly) requirePadded(batch, 'forward with lastOnly')
    return scope(() => {
      const { lastHiddenState, hiddenStates } = this.transformer.forward(batch, options)
      const seq = lastHiddenState.shape[1]!
      const asked = lastOnly ? narrow(lastHiddenState, 1, seq - 1, 1) : lastHiddenState
      return { logits: this.lmHead.forward(asked), ...(hiddenStates ? { hiddenStates } : {}) }
    })
  }
}

/** Logits from the last token that is no padding. */
export class GPT2ForSequenceClassification extends SequenceClassifier {
  readonly transformer: GPT2Model
  score: Layer
  readonly #padding: number | undefined
  /** Whether the mask counts beside the padding token: the texts may be filled up with another. */
  readonly #byMask: boolean

  constructor(config: GPT2Config, placement: Placement = {}) {
    super(withPadding(config))
    this.transformer = new GPT2Model(config, placement)
    this.score = new Linear(config.nEmbd, config.labels.length, { ...placement, bias: false })
    this.#padding = withPadding(config).padTokenId
    this.#byMask = config.padTokenId === undefined
  }

  protected override get body(): GPT2Model {
    return this.transformer
  }

  override forward(batch: Batch, options: ForwardOptions = {}): ClassifierOutput {
    return scope(() => {
      const { lastHiddenState, hiddenStates } = this.transformer.forward(batch, options)
      const flat = view(lastHiddenState, [-1, lastHiddenState.shape.at(-1)!]) // [places or rows, hidden]
      const pooled = indexSelect(flat, 0, lastRows(batch, this.#padding, this.#byMask)) // [batch, hidden]
      return { logits: this.score.forward(pooled), ...(hiddenStates ? { hiddenStates } : {}) }
    })
  }
}

/**
 * A classifier of transformers refuses batches without a padding token, so the ending one is it where there is none: here
 * too, so that a saved model gives the same there.
 */
function withPadding(config: GPT2Config): GPT2Config {
  const [ending] = [config.eosTokenId].flat()
  const isMissing = config.padTokenId === undefined && ending !== undefined && ending < config.vocabSize
  return isMissing ? { ...config, padTokenId: ending } : config
}

/**
 * The row of each text's last token that is not the padding token, [batch]; of its first where there is none. As
 * transformers, which goes by the token and not by the mask; `byMask`, where config.json names no padding token, by both.
 */
function lastRows(batch: Batch, padding: number | undefined, byMask: boolean): Tensor {
  const packed = batch.layout === 'packed' ? batch.rows : undefined
  const mask = packed?.mask ?? (batch as { attentionMask: Tensor }).attentionMask // [batch, seq]
  const [texts, seq] = mask.shape as [number, number]
  const { device } = mask
  const kept = to(ne(mask, 0), { dtype: 'int64' })
  const ids = packed ? view(indexSelect(batch.inputIds, 0, packed.rowOf), [texts, seq]) : batch.inputIds
  const real = padding === undefined ? kept : to(ne(ids, padding), { dtype: 'int64' })
  const within = packed || byMask ? mul(real, kept) : real
  const last = amax(mul(within, arange(0, seq, { device })), { dim: [1] }) // [batch]
  return add(last, packed ? packed.first : arange(0, texts * seq, { step: seq, device }))
}

/** Masks that older versions of transformers saved. */
const oldMasks = [/^transformer\.h\.\d+\.attn\.(bias|masked_bias)$/]

/** How checkpoints of `model_type` gpt2 are read. */
export const gpt2: ModelFamily = {
  modelType: 'gpt2',
  prefix: 'transformer',
  architecture: 'GPT2ForSequenceClassification',
  create: (config, placement) => new GPT2ForSequenceClassification(config as ModelConfig as GPT2Config, placement),
  languageModel: {
    architecture: 'GPT2LMHeadModel',
    ignorable: [...oldMasks, /^(score|multiple_choice_head)\./],
    // Where the head is the word table, a checkpoint of the model alone has it all.
    alsoFrom: config => [...((config as GPT2Config).tieWordEmbeddings ? ['GPT2Model'] : []), 'GPT2DoubleHeadsModel'],
    create: (config, placement) => new GPT2LMHeadModel(config as GPT2Config, placement),
  },
  fields: gpt2Fields,
  readConfig: readGPT2Config,
  // The ends of the residual paths: the GPT-2 paper, 2.3.
  startStd: (config, path) =>
    config.initializerRange / (path.endsWith('.cProj') ? Math.sqrt(2 * (config as GPT2Config).nLayer) : 1),
  targetModules: ['c_attn'],
  ignorable: [...oldMasks, /^(lm_head|multiple_choice_head)\./],
}
