import type { BidoraLayer, MagnitudeAxis } from '../../../lib/adapters/index.ts'
import { add, div, eye, matmul, mul, norm, randn, square, sub, sum, unsqueeze } from '../../../lib/ops/index.ts'
import type { DType, Tensor } from '../../../lib/tensor/index.ts'

export interface LayerOptions {
  out?: number
  width?: number
  rank?: number
  magnitudeAxis: MagnitudeAxis
  detachNorm?: boolean
  dtype?: DType
  scaling?: number
}

/** A random layer; the adapter's tensors require gradients. */
export function randomLayer({
  out = 5,
  width = 7,
  rank = 2,
  dtype = 'float64',
  scaling = 1.5,
  ...how
}: LayerOptions): BidoraLayer & { bias: Tensor } {
  const make = (shape: number[], requiresGrad: boolean) => {
    const value = randn(shape, { dtype })
    value.requiresGrad = requiresGrad
    return value
  }
  return {
    weight: make([out, width], false),
    bias: make([out], false),
    loraA: make([rank, width], true),
    loraB: make([out, rank], true),
    magnitude: make([how.magnitudeAxis === 'out' ? out : width], true),
    scaling,
    ...how,
  }
}

/** The formulas as they stand, dense: V, its norms, its direction. */
export function dense({ weight, loraA, loraB, scaling, magnitudeAxis }: BidoraLayer): {
  V: Tensor
  norms: Tensor
  direction: Tensor
} {
  const V = add(weight, mul(matmul(loraB, loraA), scaling)) // [out, in]
  const dim = magnitudeAxis === 'out' ? 1 : 0
  const norms = norm(V, { dim: [dim] })
  return { V, norms, direction: div(V, unsqueeze(norms, dim)) }
}

/** || Gram(direction) - I ||_F, dense. */
export function denseGram(layer: BidoraLayer): Tensor {
  const { direction } = dense(layer)
  const lines = layer.magnitudeAxis === 'out' ? direction : direction.transpose(0, 1)
  const gram = matmul(lines, lines.transpose(0, 1))
  return sum(square(sub(gram, eye(gram.shape[0]!, { dtype: gram.dtype })))).sqrt()
}
