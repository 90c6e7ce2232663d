import {
  add,
  contiguous,
  indexSelect,
  matmul,
  mul,
  scaledDotProductAttention,
  select,
  softmax,
  transpose,
  view,
} from '../ops/index.ts'
import { isForwardMode } from '../autograd/index.ts'
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
  /** Added to the scores, broadcast to [batch, heads, query, key]; absent where every token sees every other. */
  readonly bias?: Tensor
  /** Given where hidden states are [rows, hidden], without padding; else they are [batch, seq, hidden]. */
  readonly rows?: TextRows
}

/** The first token of each text: [batch, hidden]. */
export function firstTokens(hiddenStates: Tensor, { rows }: AttentionContext): Tensor {
  return rows ? indexSelect(hiddenStates, 0, rows.first) : select(hiddenStates, 1, 0)
}

/**
 * softmax(query key^T / sqrt(headDim) + bias) value, with several heads ("Attention is all you need"). The key of the
 * weights' dropout is drawn from the environment's generator; masks are the same whatever the kernel.
 */
export class Attention extends Module {
  readonly heads: number
  readonly dropout: number
  kernel: AttentionKernel = 'fused'

  constructor(heads: number, options: { dropout?: number } = {}) {
    super()
    this.heads = heads
    this.dropout = options.dropout ?? 0
  }

  /**
   * Each [batch, seq, hidden], or [rows, hidden] without padding; gives the shape of the query. Queries of the first
   * tokens alone are [batch, hidden].
   */
  forward(query: Tensor, key: Tensor, value: Tensor, context: AttentionContext = {}): Tensor {
    const { rows } = context
    const dropped = this.training ? this.dropout : 0
    if (rows && this.kernel === 'fused' && !isForwardMode() && addon().canAttend(query, this.heads))
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
    if (dropped > 0 || this.kernel === 'explicit') return explicitAttention(q, k, v, context, dropped)
    return scaledDotProductAttention(q, k, v, context.bias ? { attnMask: context.bias } : {})
  }

  override describe(): string {
    return `heads=${this.heads}, dropout=${this.dropout}, kernel=${this.kernel}`
  }
}

/** Chooses the kernel of every attention in a model, as `explicit` before a second derivative. */
export function useAttentionKernel(model: Module, kernel: AttentionKernel): void {
  for (const [, module] of model.namedModules()) if (module instanceof Attention) module.kernel = kernel
}

function explicitAttention(q: Tensor, k: Tensor, v: Tensor, context: AttentionContext, p: number): Tensor {
  const scaled = mul(q, 1 / Math.sqrt(q.shape[3]!)) // cheaper here than on [seq, seq]
  const scores = matmul(scaled, transpose(k, 2, 3)) // [batch, heads, seq, seq]
  const weights = softmax(context.bias ? add(scores, context.bias) : scores, -1)
  return matmul(dropout(weights, p), v) // [batch, heads, seq, headDim]
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
