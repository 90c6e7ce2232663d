/** What a step's products are made of. */
export interface StepShape {
  hidden: number
  intermediate: number
  layers: number
  rank: number
  labels: number
  /** Real tokens of each text. */
  lengths: readonly number[]
}

/** What the backward is asked for: the low-rank factors and the head, or the magnitudes alone. */
export type Wanted = 'factors' | 'magnitudes'

/**
 * Floating-point operations (two for a multiply-add) of the products that a forward cannot do without: query and value
 * with low-rank factors, real tokens only, the last layer's query, output and feed-forward part for the pooled token
 * alone.
 */
export function forwardFlops(shape: StepShape): number {
  return sumOverLayers(shape, ({ frozenBelow, frozenAbove, attention, lowRank }) => {
    return frozenBelow + frozenAbove + attention + 2 * lowRank
  })
}

/**
 * Of its backward: gradients pass every frozen product once, but for those of the first layer that only lead to the
 * embeddings; attention has four products for its two; each factor has a gradient, or passes one on alone.
 */
export function backwardFlops(shape: StepShape, wanted: Wanted): number {
  return sumOverLayers(shape, ({ frozenBelow, frozenAbove, attention, lowRank }, isFirst) => {
    const onward = isFirst ? 0 : frozenBelow
    // Per factor pair: the gradient between them, of the input, of A and of B; the key of the first layer needs none.
    const between = isFirst && wanted === 'magnitudes' ? 0 : lowRank
    const input = isFirst ? 0 : lowRank
    const factors = wanted === 'factors' ? 2 * lowRank : 0
    return onward + frozenAbove + attention * (isFirst ? 1.5 : 2) + between + input + factors
  })
}

interface LayerFlops {
  /** Query, key and value. */
  frozenBelow: number
  /** Output and feed-forward part. */
  frozenAbove: number
  attention: number
  /** One factor of query and of value. */
  lowRank: number
}

function sumOverLayers(shape: StepShape, of: (layer: LayerFlops, isFirst: boolean) => number): number {
  const { hidden, intermediate, layers, rank, labels, lengths } = shape
  const texts = lengths.length
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  let sum = 2 * texts * hidden * (hidden + labels) // pooler and head
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer === layers - 1
    const asking = isLast ? texts : tokens
    const pairs = lengths.reduce((total, length) => total + length * (isLast ? 1 : length), 0)
    const flops = {
      frozenBelow: 2 * hidden * hidden * (asking + 2 * tokens),
      frozenAbove: 2 * asking * hidden * (hidden + 2 * intermediate),
      attention: 2 * 2 * hidden * pairs,
      lowRank: 2 * rank * hidden * (asking + tokens),
    }
    sum += of(flops, layer === 0)
  }
  return sum
}

/** Of a LoRA step. */
export function loraStepFlops(shape: StepShape): number {
  return forwardFlops(shape) + backwardFlops(shape, 'factors')
}

/** Of a faithful round: a lower step, the upper loss for both levels, the lower loss at two points for the magnitudes. */
export function roundFlops(lower: StepShape, upper: StepShape): number {
  const perturbed = forwardFlops(lower) + backwardFlops(lower, 'magnitudes')
  return loraStepFlops(lower) + loraStepFlops(upper) + 2 * perturbed
}
