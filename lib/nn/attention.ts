import { add, contiguous, matmul, mul, scaledDotProductAttention, softmax, transpose, view } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { dropout } from './dropout.ts'
import { Module } from './module.ts'

/**
 * How attention is computed. `fused` is libtorch's scaled_dot_product_attention: fast, but on most devices without a
 * second derivative. `explicit` writes the softmax out and can be differentiated any number of times.
 */
export type AttentionKernel = 'fused' | 'explicit'

/** What every attention of one forward pass needs to know of the batch. */
export interface AttentionContext {
  /** Added to the scores, broadcast to [batch, heads, query, key]; absent where every token sees every other. */
  readonly bias?: Tensor
}

/**
 * softmax(query key^T / sqrt(headDim) + bias) value, with several heads ("Attention is all you need"). Dropout of the
 * weights is drawn from the environment's generator, so it takes the explicit way.
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

  /** Each [batch, seq, hidden]; gives [batch, seq, hidden]. */
  forward(query: Tensor, key: Tensor, value: Tensor, context: AttentionContext = {}): Tensor {
    const q = splitHeads(query, this.heads) // [batch, heads, seq, headDim]
    const k = splitHeads(key, this.heads) // [batch, heads, seq, headDim]
    const v = splitHeads(value, this.heads) // [batch, heads, seq, headDim]
    const dropped = this.training ? this.dropout : 0
    if (dropped > 0 || this.kernel === 'explicit') return mergeHeads(explicitAttention(q, k, v, context, dropped))
    return mergeHeads(scaledDotProductAttention(q, k, v, context.bias ? { attnMask: context.bias } : {}))
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

function splitHeads(input: Tensor, heads: number): Tensor {
  const [batch, seq, hidden] = input.shape as [number, number, number]
  return transpose(view(input, [batch, seq, heads, hidden / heads]), 1, 2) // [batch, heads, seq, headDim]
}

function mergeHeads(input: Tensor): Tensor {
  const [batch, heads, seq, headDim] = input.shape as [number, number, number, number]
  return view(contiguous(transpose(input, 1, 2)), [batch, seq, heads * headDim]) // [batch, seq, hidden]
}
