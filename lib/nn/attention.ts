import {
  add,
  contiguous,
  indexSelect,
  logicalNot,
  maskedFill,
  matmul,
  mul,
  ones,
  scaledDotProductAttention,
  select,
  softmax,
  to,
  transpose,
  triu,
  view,
} from '../ops/index.ts'
import { autocast, isForwardMode } from '../autograd/index.ts'
import { addon, type Tensor } from '../tensor/index.ts'
import { dropout } from './dropout.ts'
import { Module } from './module.ts'

/**
 * How attention is computed. `fused` is a kernel of one pass, fast but without a second derivative: on the CPU our own for
 * rows without padding (native/attention.cc), else libtorch's scaled_dot_product_attention, which draws no dropout of the
 * environment's generator and gives way where weights are dropped. `explicit` writes the softmax out and can be
 * differentiated any number of times.
 */
export type AttentionKernel = 'fused' | 'explicit'

/** Where the texts of a batch without padding lie: rows of all texts one after the other, [rows, hidden]. */
export interface TextRows {
  /** Rows of each text. */
  readonly lengths: readonly number[]
  /** [texts] int64, the row of the first token of each text. */
  readonly first: Tensor
  /** [texts, longest], 1 where a text has a row; the texts side by side, filled up at the end. */
  readonly mask: Tensor
  /** [texts * longest] int64, the row at each place of `mask`; any row where there is none. */
  readonly rowOf: Tensor
  /** [rows] int64, the place in `mask` of each row; dropout tells rows by it, in every layout the same. */
  readonly placeOf: Tensor
}

/** What every attention of one forward pass needs to know of the batch. */
export interface AttentionContext {
  /** Added to the scores, broadcast to [batch, heads, query, key]; absent where every token sees all that `causal` lets it see. */
  readonly bias?: Tensor
  /** A token sees itself and those before it; where there are fewer queries than keys, they are the last ones. A bias says so by itself. */
  readonly causal?: boolean
  /** Given where hidden states are [rows, hidden], without padding; else they are [batch, seq, hidden]. */
  readonly rows?: TextRows
}

/** The first token of each text: [batch, hidden]. */
export function firstTokens(hiddenStates: Tensor, { rows }: AttentionContext): Tensor {
  return rows ? indexSelect(hiddenStates, 0, rows.first) : select(hiddenStates, 1, 0)
}

export interface AttentionOptions {
  /** Probability of dropout of the weights. */
  dropout?: number
  /** What scores are multiplied by; 1 / sqrt(headDim) unless said otherwise. */
  scale?: number | undefined
  /** Compute scores and their softmax in float32 where queries and keys are narrower (GPT-2's `reorder_and_upcast_attn`). */
  upcast?: boolean
}

/**
 * softmax(query key^T / sqrt(headDim) + bias) value, with several heads ("Attention is all you need"). The key of the
 * weights' dropout is drawn from the environment's generator; masks are the same whatever the kernel.
 */
export class Attention extends Module {
  readonly heads: number
  readonly dropout: number
  readonly scale: number | undefined
  readonly upcast: boolean
  kernel: AttentionKernel = 'fused'

  constructor(heads: number, options: AttentionOptions = {}) {
    super()
    this.heads = heads
    this.dropout = options.dropout ?? 0
    this.scale = options.scale
    this.upcast = options.upcast ?? false
  }

  /**
   * Each [batch, seq, hidden], or [rows, hidden] without padding; gives the shape of the query. Queries of the first
   * tokens alone are [batch, hidden].
   */
  forward(query: Tensor, key: Tensor, value: Tensor, context: AttentionContext = {}): Tensor {
    const { rows } = context
    const dropped = this.training ? this.dropout : 0
    const isPlain = !context.causal && this.scale === undefined
    if (rows && isPlain && this.kernel === 'fused' && !isForwardMode() && addon().canAttend(query, this.heads))
      return addon().attention(query, key, value, rows.lengths, this.heads, dropped)
    const ofFirst = query.ndim === 2 && !(context.rows && query.shape[0] === key.shape[0])
    const asking = ofFirst ? view(query, [query.shape[0]!, 1, query.shape[1]!]) : sideBySide(query, context)
    const q = splitHeads(asking, this.heads) // [batch, heads, seq or 1, headDim]
    const k = splitHeads(sideBySide(key, context), this.heads) // [batch, heads, seq, headDim]
    const v = splitHeads(sideBySide(value, context), this.heads) // [batch, heads, seq, headDim]
    const attended = mergeHeads(this.#attend(q, k, v, context, dropped)) // [batch, seq or 1, hidden]
    if (ofFirst) return view(attended, query.shape)
    return context.rows ? indexSelect(view(attended, [-1, query.shape[1]!]), 0, context.rows.placeOf) : attended
  }

  #attend(q: Tensor, k: Tensor, v: Tensor, context: AttentionContext, dropped: number): Tensor {
    const { scale, upcast } = this
    if (dropped > 0 || this.kernel === 'explicit' || (upcast && isNarrow(q)))
      return explicitAttention(q, k, v, context, { scale, upcast, dropped })
    const scaled = scale === undefined ? {} : { scale }
    if (context.bias) return scaledDotProductAttention(q, k, v, { attnMask: context.bias, ...scaled })
    if (!context.causal || q.shape[2] === 1) return scaledDotProductAttention(q, k, v, scaled)
    if (q.shape[2] === k.shape[2]) return scaledDotProductAttention(q, k, v, { isCausal: true, ...scaled })
    return scaledDotProductAttention(q, k, v, { attnMask: logicalNot(laterKeys(q, k)!), ...scaled })
  }

  override describe(): string {
    return `heads=${this.heads}, dropout=${this.dropout}, kernel=${this.kernel}`
  }
}

/** Chooses the kernel of every attention in a model, as `explicit` before a second derivative. */
export function useAttentionKernel(model: Module, kernel: AttentionKernel): void {
  for (const [, module] of model.namedModules()) if (module instanceof Attention) module.kernel = kernel
}

interface ExplicitOptions {
  readonly scale: number | undefined
  readonly upcast: boolean
  readonly dropped: number
}

function explicitAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  context: AttentionContext,
  options: ExplicitOptions,
): Tensor {
  const weights =
    options.upcast && isNarrow(q) ? wideWeights(q, k, context, options) : weightsOf(q, k, context, options)
  return matmul(dropout(weights, options.dropped), v) // [batch, heads, seq, headDim]
}

/** [batch, heads, query, key] */
function weightsOf(q: Tensor, k: Tensor, { bias, causal }: AttentionContext, { scale }: ExplicitOptions): Tensor {
  const scaled = mul(q, scale ?? 1 / Math.sqrt(q.shape[3]!)) // cheaper here than on [seq, seq]
  const scores = matmul(scaled, transpose(k, 2, 3))
  if (bias) return softmax(add(scores, bias), -1)
  const hidden = causal ? laterKeys(q, k) : undefined
  return softmax(hidden ? maskedFill(scores, hidden, Number.NEGATIVE_INFINITY) : scores, -1)
}

/** The same in float32, rounded once at the end; autocast is off here. */
function wideWeights(q: Tensor, k: Tensor, context: AttentionContext, options: ExplicitOptions): Tensor {
  const wide = (x: Tensor) => to(x, { dtype: 'float32' })
  const bias = context.bias ? { bias: wide(context.bias) } : {}
  const weights = autocast(undefined, () => weightsOf(wide(q), wide(k), { ...context, ...bias }, options))
  return to(weights, { dtype: q.dtype })
}

function isNarrow({ dtype }: Tensor): boolean {
  return dtype === 'bfloat16' || dtype === 'float16'
}

/** Bool [query, key], true where a key comes after its query; none where there is one query, the last. */
function laterKeys(q: Tensor, k: Tensor): Tensor | undefined {
  const [queries, keys] = [q.shape[2]!, k.shape[2]!]
  if (queries === 1) return undefined
  return triu(ones([queries, keys], { dtype: 'bool', device: q.device }), { diagonal: keys - queries + 1 })
}

/** [rows, hidden] to [batch, seq, hidden]; what is there already stays. */
export function sideBySide(input: Tensor, { rows }: AttentionContext): Tensor {
  if (!rows) return input
  return view(indexSelect(input, 0, rows.rowOf), [...rows.mask.shape, input.shape[1]!])
}

/** [batch, seq, hidden] to [batch, heads, seq, headDim] */
export function splitHeads(input: Tensor, heads: number): Tensor {
  const [batch, seq, hidden] = input.shape as [number, number, number]
  return transpose(view(input, [batch, seq, heads, hidden / heads]), 1, 2) // [batch, heads, seq, headDim]
}

/** [batch, heads, seq, headDim] to [batch, seq, hidden] */
export function mergeHeads(input: Tensor): Tensor {
  const [batch, heads, seq, headDim] = input.shape as [number, number, number, number]
  return view(contiguous(transpose(input, 1, 2)), [batch, seq, heads * headDim]) // [batch, seq, hidden]
}
