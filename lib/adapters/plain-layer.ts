import { noGrad } from '../autograd/index.ts'
import { Conv1D, Embedding, Linear, type Module, parameter } from '../nn/index.ts'
import { contiguous, t } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'

/**
 * Layers that can be adapted. A `Conv1D` [in, out] and an `Embedding` [count, dimension], which is a linear layer of the
 * vocabulary's size in, are linear layers with their weight the other way round.
 */
export type PlainLayer = Linear | Conv1D | Embedding

/** Whether a module is a layer that can be adapted. */
export function isPlainLayer(module: Module): module is PlainLayer {
  return module instanceof Linear || module instanceof Conv1D || module instanceof Embedding
}

/**
 * A layer's weight as `[out, in]`, frozen. Of a layer that has it the other way round it is another view of the same
 * memory, which is from now on the only one: the layer is given it back by `giveBack`.
 */
export function takeWeight(layer: PlainLayer): Tensor {
  if (layer instanceof Linear) return layer.weight
  const view = turned(layer.weight)
  layer.weight.dispose()
  return view
}

/** The other way: puts a weight `[out, in]` into the layer, in the layer's own form. */
export function giveBack(layer: PlainLayer, weight: Tensor): void {
  if (layer instanceof Linear) {
    layer.weight = weight
    return
  }
  layer.weight = turned(weight)
  weight.dispose()
}

/** A frozen layer of the same kind and place with another weight, `[out, in]`, and the same bias. */
export function withWeight(layer: PlainLayer, weight: Tensor, bias: Tensor | null): PlainLayer {
  const [out, width] = weight.shape as [number, number]
  const own = layer instanceof Linear ? weight : noGrad(() => scope(() => contiguous(t(weight))))
  const made = emptyLike(layer, width, out)
  made.setTensor('weight', own)
  made.weight.requiresGrad = false
  if (own !== weight) weight.dispose()
  if (!(made instanceof Embedding)) made.bias = bias as Tensor
  return made
}

function emptyLike(layer: PlainLayer, width: number, out: number): PlainLayer {
  const meta = { device: 'meta' } as const
  if (layer instanceof Linear) return new Linear(width, out, { ...meta, bias: false })
  if (layer instanceof Conv1D) {
    const conv = new Conv1D(width, out, meta)
    conv.bias.dispose()
    return conv
  }
  const padding = layer.paddingIndex === undefined ? {} : { paddingIndex: layer.paddingIndex }
  return new Embedding(width, out, { ...meta, ...padding })
}

function turned(weight: Tensor): Tensor {
  return parameter(
    noGrad(() => t(weight)),
    { requiresGrad: false },
  )
}
