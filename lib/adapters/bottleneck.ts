import { ArgumentError } from '../errors.ts'
import { toDiskName } from '../io/index.ts'
import {
  type Activation,
  activation,
  Dropout,
  init,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  setLevel,
} from '../nn/index.ts'
import { add } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { AdapterKind } from './kinds.ts'
import { AdapterLayer } from './layer.ts'
import { cast, wideType } from './norm.ts'
import { isInside } from './targets.ts'

/** Where bottlenecks stand: after both halves of a layer, or after the feed-forward half alone. */
export type BottleneckKind = 'houlsby' | 'pfeiffer'

/** Names of `activation` that an adapter may have. */
export type BottleneckActivation = 'silu' | 'relu' | 'gelu' | 'tanh'

/**
 * Bottleneck adapters: `houlsby` ("Parameter-Efficient Transfer Learning for NLP", arXiv 1902.00751) and `pfeiffer`
 * ("AdapterFusion", arXiv 2005.00247), placed as the `adapters` package places its DoubleSeqBnConfig and SeqBnConfig.
 */
export interface BottleneckSettings {
  method: 'adapter'
  /** Default 'houlsby'. */
  adapterKind?: BottleneckKind
  /** The bottleneck has so many times fewer features than the layer; default 16. */
  reductionFactor?: number
  /** Default 'silu' for 'houlsby', 'relu' for 'pfeiffer'. */
  adapterActivation?: BottleneckActivation
}

/**
 * A bottleneck in the place of what ends a sublayer: its dropout, to which the model hands the sublayer's product h and
 * the residual r; or, where there is no dropout, the projection itself.
 *
 *     houlsby:   h + up(f(down(h)))                     to which the residual is added as before
 *     pfeiffer:  h + up(f(down(layerNorm(h + r))))      with the layer norm of the model, which follows once more
 *
 * Weights start normal with deviation 0.02, biases at zero.
 */
export class Bottleneck extends AdapterLayer {
  down: Linear
  up: Linear
  /** What stood here. */
  readonly inner: Ending
  readonly kind: BottleneckKind
  readonly #layerNorm: LayerNorm | undefined // a private field, so that its parameters are not listed twice
  readonly #activation: Activation
  readonly #activationName: BottleneckActivation

  constructor({ inner, projection, layerNorm }: Place, settings: BottleneckSettings) {
    super()
    const { adapterKind = 'houlsby', reductionFactor = 16 } = settings
    const { adapterActivation = adapterKind === 'houlsby' ? 'silu' : 'relu' } = settings
    if (!(reductionFactor >= 1 && Number.isFinite(reductionFactor))) {
      throw new ArgumentError(
        'ADAPTER_SETTING',
        `adapter: expected reductionFactor to be a number of at least 1, got ${reductionFactor}`,
        { key: 'reductionFactor', got: reductionFactor },
      )
    }
    const placement = { dtype: wideType(projection), device: projection.weight.device }
    const features = projection.outFeatures ?? projection.weight.shape[0]!
    const size = Math.max(1, Math.floor(features / reductionFactor))
    this.down = new Linear(features, size, placement)
    this.up = new Linear(size, features, placement)
    for (const { weight, bias } of [this.down, this.up]) {
      init.normal(weight, { std: 0.02 })
      init.constant(bias!, 0)
    }
    for (const own of this.adapterParameters()) setLevel(own, 'lower')
    this.inner = inner
    this.kind = adapterKind
    this.#layerNorm = adapterKind === 'pfeiffer' ? layerNorm : undefined
    this.#activation = activation(adapterActivation)
    this.#activationName = adapterActivation
    this.training = inner.training
  }

  /** As `Dropout.forward` or, where it stands in a projection, `Linear.forward`: [..., features] to [..., features]. */
  forward(input: Tensor, place?: { rows?: Tensor | undefined; residual?: Tensor | undefined } | Tensor): Tensor {
    if (!(this.inner instanceof Dropout)) return this.#adapted((this.inner as Layer).forward(input, place as Tensor))
    const { rows, residual } = (place ?? {}) as { rows?: Tensor; residual?: Tensor }
    const product = this.inner.forward(input, { rows })
    const output = this.#adapted(product, residual)
    return residual ? add(output, residual) : output
  }

  adapterParameters(): Tensor[] {
    return [this.down.weight, this.down.bias!, this.up.weight, this.up.bias!]
  }

  fileTensors(): Record<string, Tensor> {
    return {
      'adapter_down.weight': this.down.weight,
      'adapter_down.bias': this.down.bias!,
      'adapter_up.weight': this.up.weight,
      'adapter_up.bias': this.up.bias!,
    }
  }

  detach(): Module {
    for (const own of this.adapterParameters()) own.dispose()
    return this.inner
  }

  override filePath(path: string): string {
    return parentOf(path)
  }

  override describe(): string {
    return `adapter, ${this.kind}, ${this.down.inFeatures}, ${this.down.outFeatures}, ${this.#activationName}`
  }

  #adapted(product: Tensor, residual?: Tensor): Tensor {
    const whole = residual && this.kind === 'pfeiffer' ? add(product, residual) : product
    const input = this.#layerNorm ? this.#layerNorm.forward(whole) : whole
    // Beside 16-bit weights the bottleneck is float32, and so are its products.
    const inside = this.#activation(this.down.forward(cast(input, this.down.weight.dtype)))
    return add(product, cast(this.up.forward(inside), product.dtype))
  }
}

/** A dropout or a projection. */
type Ending = Dropout | Layer
type Projection = Module & { weight: Tensor; outFeatures?: number }

/** The end of a sublayer. */
interface Place {
  /** Path of what is replaced. */
  readonly path: string
  readonly inner: Ending
  readonly projection: Projection
  readonly layerNorm: LayerNorm | undefined
  readonly isAttention: boolean
}

/** Names of the projection that ends a sublayer, in the models that this library knows. */
const PROJECTIONS = ['dense', 'cProj', 'lin2', 'outLin']

/** The ends of a model's sublayers, in its order: projections back to the model's width, in blocks that repeat. */
function placesOf(model: Module, head: readonly string[]): Place[] {
  const modules = new Map(model.namedModules())
  return [...modules].flatMap(([path, module]): Place[] => {
    const own = module as unknown as Record<string, unknown>
    const name = PROJECTIONS.find(each => own[each] instanceof Module && 'weight' in own[each])
    // Only what repeats is a layer: heads and poolers stand alone.
    if (name === undefined || !/\.\d+(\.|$)/.test(path) || head.some(outer => isInside(path, outer))) return []
    const isEnd = own.dropout instanceof Dropout || name === 'outLin'
    if (!isEnd) return []
    const parent = modules.get(parentOf(path)) as unknown as Record<string, unknown> | undefined
    const layerNorm = [own.layerNorm, parent?.outputLayerNorm].find(each => each instanceof LayerNorm)
    const part = own.dropout instanceof Dropout ? 'dropout' : name
    return [
      {
        path: `${path}.${part}`,
        inner: own[part] as Ending,
        projection: own[name] as Projection,
        layerNorm,
        isAttention: /(^|\.)(attention|attn)(\.|$)/.test(path),
      },
    ]
  })
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.')))
}

/** Bottleneck adapters among the methods: placed by what ends the sublayers of a model. */
export const bottleneck: AdapterKind<BottleneckSettings> = {
  peftType: 'ADAPTER',

  attach(model: Module, settings: BottleneckSettings, head: readonly string[]): void {
    const places = placesOf(model, head)
    const attention = places.filter(({ isAttention }) => isAttention)
    const rest = places.filter(({ isAttention }) => !isAttention)
    if (rest.length === 0 || attention.length !== rest.length) {
      throw new ArgumentError(
        'ADAPTER_PLACE',
        `adapter: expected as many ends of attention as of feed-forward sublayers, got ${attention.length} and ${rest.length} (${places.map(({ path }) => toDiskName(path)).join(', ') || 'none'}); take another method for this model`,
        { attention: attention.length, feedForward: rest.length },
      )
    }
    for (const place of settings.adapterKind === 'pfeiffer' ? rest : places)
      model.setModule(place.path, new Bottleneck(place, settings))
  },

  fields: ({ adapterKind = 'houlsby', reductionFactor = 16, adapterActivation }) => ({
    adapter_kind: adapterKind,
    non_linearity: adapterActivation ?? (adapterKind === 'houlsby' ? 'silu' : 'relu'),
    reduction_factor: reductionFactor,
  }),

  read(reader) {
    reader.refuseOthers(['adapter_kind', 'reduction_factor', 'non_linearity'], {})
    return {
      method: 'adapter',
      adapterKind: reader.choice('adapter_kind', ['houlsby', 'pfeiffer']),
      reductionFactor: reader.number('reduction_factor', 'a number of at least 1', value => value >= 1),
      adapterActivation: reader.choice('non_linearity', ['silu', 'relu', 'gelu', 'tanh']),
    }
  },
}
