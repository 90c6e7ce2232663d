import { ArgumentError } from '../errors.ts'
import { Dropout, init, type Linear, type Module, parameter } from '../nn/index.ts'
import { add, detach, div, empty, eye, linalgVectorNorm, linear, matmul, mul, sub, t, to, zeros } from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import { standIn } from './attach.ts'
import type { AdapterKind } from './kinds.ts'
import { LinearAdapter } from './linear-adapter.ts'
import { cast, wideType } from './norm.ts'
import { findLinear, type TargetModules } from './targets.ts'

/** BiDoRA as its authors' code runs it (t2ance/BiDoRA e7922af), for those who compare with it. */
export interface OfficialSettings {
  method: 'bidora'
  compat: 'official'
  rank: number
  targetModules: TargetModules
  /** Probability of dropout on the input of the whole layer; default 0. */
  loraDropout?: number
}

/**
 * The layer of the authors' code, which differs from BiDoRA as it is published:
 *
 *     W' = magnitude * V / ||V||,    V = weight + loraB loraA, columns normalised, the norm in the graph
 *     y  = dropout(x) W' + b         and not x W'^T: the pretrained weight counts transposed
 *
 * Only square weights fit, there is no scale, and loraA starts normal with deviation 1. V, its norm and W' are made anew
 * at every call; weight and bias train too, since the engine rebuilds its optimiser over all parameters.
 */
export class OfficialLinear extends LinearAdapter<Linear> {
  /** `[rank, in]` */
  loraA: Tensor
  /** `[out, rank]` */
  loraB: Tensor
  /** `[in]` */
  magnitude: Tensor
  readonly dropout: Dropout

  /** @throws ArgumentError for a weight that is not square */
  constructor(base: Linear, { rank, loraDropout = 0 }: OfficialSettings, path = 'the layer') {
    super(base)
    const { inFeatures, outFeatures } = base
    if (inFeatures !== outFeatures) {
      throw new ArgumentError(
        'ADAPTER_SQUARE',
        `compat 'official': expected square weights, which the authors' code takes transposed, got [${outFeatures}, ${inFeatures}] in ${path}; name other targetModules`,
        { path, shape: [outFeatures, inFeatures] },
      )
    }
    const placement = { dtype: wideType(base), device: base.weight.device }
    const start = scope(() => to(init.normal(empty([rank, inFeatures])), placement))
    this.loraA = parameter(start, { level: 'lower' })
    this.loraB = parameter(zeros([outFeatures, rank], placement), { level: 'lower' })
    this.magnitude = parameter(
      scope(() => detach(this.#norm(cast(this.weight, placement.dtype)))),
      { level: 'upper' },
    )
    this.dropout = new Dropout(loraDropout)
    this.dropout.training = base.training
  }

  forward(input: Tensor, rows?: Tensor): Tensor {
    const dropped = this.dropout.active ? this.dropout.forward(input, { rows }) : input
    return linear(dropped, t(cast(this.#scaled(), input.dtype)), this.bias ?? undefined)
  }

  mergedWeight(): Tensor {
    return cast(t(this.#scaled()), this.weight.dtype)
  }

  adapterParameters(): Tensor[] {
    return [this.loraA, this.loraB, this.magnitude]
  }

  fileTensors(): Record<string, Tensor> {
    return {
      'lora_A.weight': this.loraA,
      'lora_B.weight': this.loraB,
      lora_magnitude_vector_official: this.magnitude,
    }
  }

  /** `V / ||V||`, columns of length 1, `[out, in]`. */
  direction(): Tensor {
    const combined = add(cast(this.weight, this.loraA.dtype), matmul(this.loraB, this.loraA))
    return div(combined, this.#norm(combined))
  }

  override describe(): string {
    return `bidora as the authors' code, ${this.weight.shape[0]}, rank=${this.loraA.shape[0]}`
  }

  #scaled(): Tensor {
    return mul(this.direction(), this.magnitude)
  }

  #norm(combined: Tensor): Tensor {
    return linalgVectorNorm(combined, { dim: [0] })
  }
}

/** The authors' regulariser: mean over layers of || D^T D - I ||_F, D the directions, of the pretrained weight too. */
export function officialOrthogonality(layers: readonly OfficialLinear[]): Tensor {
  const norms = layers.map(layer => {
    const direction = layer.direction()
    const { dtype, device } = direction
    const gram = matmul(t(direction), direction) // [in, in]
    return linalgVectorNorm(sub(gram, eye(gram.shape[0]!, { dtype, device })))
  })
  return div(
    norms.reduce((sum, norm) => add(sum, norm)),
    norms.length,
  )
}

/** The authors' BiDoRA among the methods: folders hold the whole model. */
export const official: AdapterKind<OfficialSettings> = {
  peftType: 'BIDORA_OFFICIAL',
  trainsAll: true,

  attach(model: Module, settings: OfficialSettings, head: readonly string[]): void {
    const targets = findLinear(model, settings.targetModules, head)
    standIn(model, targets, (layer, path) => new OfficialLinear(layer, settings, path))
  },

  fields: ({ rank, loraDropout = 0 }) => ({ lora_dropout: loraDropout, r: rank }),

  read(reader) {
    reader.refuseOthers(['r', 'lora_dropout'], {})
    return {
      method: 'bidora',
      compat: 'official',
      rank: reader.whole('r', 1),
      targetModules: reader.targets(),
      loraDropout: reader.probability('lora_dropout'),
    }
  },
}
