import {
  AdaptedEmbedding,
  AdaptedLinear,
  bidoraLinear,
  type BidoraLayer,
  LinearAdapter,
  loraLinear,
} from '../adapters/index.ts'
import { gainOf } from '../adapters/norm.ts'
import { noGrad } from '../autograd/index.ts'
import { canPack, type Layer, Linear, Module, packedLinear, packWeight } from '../nn/index.ts'
import { keep, scope, Tensor } from '../tensor/index.ts'

/** Below this, a product costs no more than the call. */
const leastFeatures = 64

/** A linear layer at its weight's present value. */
class PackedLinear extends Module {
  readonly #linear: Linear
  readonly #packed: Tensor

  constructor(layer: Linear) {
    super()
    this.#linear = layer
    this.#packed = keep(packWeight(layer.weight))
  }

  forward(x: Tensor): Tensor {
    return packedLinear(x, this.#linear.weight, this.#packed, this.#linear.bias)
  }

  override release(): void {
    this.#packed.dispose()
  }
}

/** An adapted layer at the present values of its parameters, unmerged: the gain, magnitude / norm, is worked out once. */
class PackedAdapted extends Module {
  readonly #layer: AdaptedLinear
  readonly #packed: Tensor
  /** [out] or [in]; undefined for LoRA. */
  readonly #gain: Tensor | undefined

  constructor(layer: AdaptedLinear) {
    super()
    this.#layer = layer
    this.#gain = layer.magnitude ? keep(scope(() => gainOf(layer as BidoraLayer))) : undefined
    this.#packed = keep(packWeight(layer.weight))
  }

  /** `[..., in]` to `[..., out]` */
  forward(input: Tensor): Tensor {
    const packed = this.#packed
    if (!this.#gain) return loraLinear(input, this.#layer, { packed })
    return bidoraLinear(input, this.#layer as BidoraLayer, { packed, gain: this.#gain })
  }

  override release(): void {
    this.#packed.dispose()
    this.#gain?.dispose()
  }
}

/** A layer of another method at the present values of its parameters: what it makes of its weight, packed. */
class PackedMerged extends Module {
  readonly #layer: LinearAdapter
  readonly #merged: Tensor
  readonly #packed: Tensor

  constructor(layer: LinearAdapter) {
    super()
    this.#layer = layer
    this.#merged = keep(scope(() => layer.mergedWeight()))
    this.#packed = keep(packWeight(this.#merged))
  }

  /** `[..., in]` to `[..., out]` */
  forward(input: Tensor): Tensor {
    return packedLinear(input, this.#merged, this.#packed, this.#layer.bias)
  }

  override release(): void {
    this.#merged.dispose()
    this.#packed.dispose()
  }
}

type Packable = Linear | LinearAdapter
type Owner = Record<string, unknown>

interface Place {
  readonly owner: Owner
  readonly name: string
  readonly layer: Layer
  readonly packed: Layer
  /** What the packed layer was made of. */
  readonly source: readonly { name: string; tensor: Tensor; version: number }[]
}

/**
 * The linear layers of a model with packed weights, which stand in for them during a forward pass without gradients. They
 * hold for the parameters' values at which they were made.
 */
export class PackedLayers {
  readonly #places: readonly Place[]

  /** Packs what can be packed: it may be nothing, as on a GPU. */
  constructor(model: Module) {
    this.#places = noGrad(() => scope(() => placesOf(model)))
  }

  /** Whether anything is packed. */
  get active(): boolean {
    return this.#places.length > 0
  }

  /** Whether the model's linear layers are still those, with the values, that these were made of. */
  get fresh(): boolean {
    return this.#places.every(
      ({ owner, name, layer, source }) =>
        owner[name] === layer &&
        source.every(
          ({ name: field, tensor, version }) =>
            (layer as unknown as Owner)[field] === tensor && !tensor.disposed && tensor.version === version,
        ),
    )
  }

  /** Runs a forward pass of the model, from start to end, with the packed layers in place. */
  within<T>(run: () => T): T {
    try {
      for (const { owner, name, packed } of this.#places) owner[name] = packed
      return run()
    } finally {
      for (const { owner, name, layer } of this.#places) owner[name] = layer
    }
  }

  dispose(): void {
    for (const { packed } of this.#places) packed.release()
  }
}

function placesOf(model: Module): Place[] {
  return model.namedModules().flatMap(([, module]) => {
    const owner = module as unknown as Owner
    return Object.entries(owner).flatMap(([name, layer]): Place[] => {
      if (!isPackable(layer)) return []
      const packed = packedOf(layer)
      return [{ owner, name, layer, packed, source: sourceOf(layer) }]
    })
  })
}

function packedOf(layer: Packable): Layer {
  if (layer instanceof Linear) return new PackedLinear(layer)
  return layer instanceof AdaptedLinear ? new PackedAdapted(layer) : new PackedMerged(layer)
}

function isPackable(layer: unknown): layer is Packable {
  if (!(layer instanceof Linear || layer instanceof LinearAdapter)) return false
  if (layer instanceof AdaptedEmbedding || !canPack(layer.weight)) return false
  if (layer instanceof AdaptedLinear && layer.loraA.dtype !== layer.weight.dtype) return false
  return Math.min(...layer.weight.shape) >= leastFeatures
}

/** The bias is read at each use. */
function sourceOf(layer: Packable): Place['source'] {
  return Object.entries(layer).flatMap(([name, tensor]: [string, unknown]) =>
    tensor instanceof Tensor && name !== 'bias' ? [{ name, tensor, version: tensor.version }] : [],
  )
}
