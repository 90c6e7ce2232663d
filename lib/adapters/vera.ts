import { addcmul, addmm, empty, full, linear, mul, narrow, to, unsqueeze, zeros } from '../ops/index.ts'
import { buffer, Dropout, frozenLinear, init, type Linear, type Module, parameter } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { attachedAdapters, standIn } from './attach.ts'
import type { AdapterKind } from './kinds.ts'
import { LinearAdapter } from './linear-adapter.ts'
import { cast, wideType } from './norm.ts'
import { drawnFrom } from './seeded.ts'
import { findLinear, type TargetModules } from './targets.ts'

/** VeRA ("VeRA: Vector-based Random Matrix Adaptation", arXiv 2310.11454), as PEFT has it. */
export interface VeraSettings {
  method: 'vera'
  /** Rank of the frozen projections. */
  rank: number
  targetModules: TargetModules
  /** Seed that the projections are drawn from; default 0. */
  projectionPrngKey?: number
  /** Whether files hold the projections, or leave them to the seed; default true. */
  saveProjection?: boolean
  /** Start of every element of `lambdaD`; default 0.1. */
  dInitial?: number
  /** Probability of dropout on the input of the low-rank path; default 0. */
  loraDropout?: number
}

/** Frozen random matrices that all layers share, as large as the largest needs: `[rank, in]` and `[out, rank]`. */
interface Projections {
  readonly veraA: Tensor
  readonly veraB: Tensor
}

/**
 *     y = x weight^T + b + lambdaB * ( (lambdaD * (dropout(x) A^T)) B^T )
 *
 * A and B are the first columns and rows of the shared projections. lambdaD starts at `dInitial` and lambdaB at zero, so
 * that the output is at first that of the layer it replaces.
 */
export class VeraLinear extends LinearAdapter<Linear> {
  /** `[out]` */
  lambdaB: Tensor
  /** `[rank]` */
  lambdaD: Tensor
  veraA: Tensor
  veraB: Tensor
  readonly dropout: Dropout

  constructor(base: Linear, { veraA, veraB }: Projections, { rank, dInitial = 0.1, loraDropout = 0 }: VeraSettings) {
    super(base)
    const placement = { dtype: wideType(base), device: base.weight.device }
    this.lambdaB = parameter(zeros([base.outFeatures], placement), { level: 'lower' })
    this.lambdaD = parameter(full([rank], dInitial, placement), { level: 'lower' })
    this.veraA = veraA
    this.veraB = veraB
    this.dropout = new Dropout(loraDropout)
    this.dropout.training = base.training
  }

  forward(input: Tensor, rows?: Tensor): Tensor {
    const dropped = this.dropout.active ? this.dropout.forward(input, { rows }) : input
    const [a, b] = this.#projections()
    const low = linear(dropped, cast(a, input.dtype)) // [..., rank]
    const product = linear(mul(low, cast(this.lambdaD, low.dtype)), cast(b, low.dtype)) // [..., out]
    const base = frozenLinear(input, this.weight, this.bias)
    return addcmul(base, product, cast(this.lambdaB, base.dtype))
  }

  mergedWeight(): Tensor {
    const wide = wideType(this)
    const [a, b] = this.#projections()
    const left = mul(b, unsqueeze(this.lambdaB, 1)) // [out, rank]
    return cast(addmm(cast(this.weight, wide), left, mul(a, unsqueeze(this.lambdaD, 1))), this.weight.dtype)
  }

  adapterParameters(): Tensor[] {
    return [this.lambdaB, this.lambdaD]
  }

  fileTensors(): Record<string, Tensor> {
    return { vera_lambda_b: this.lambdaB, vera_lambda_d: this.lambdaD }
  }

  override detach(): Linear {
    for (const shared of [this.veraA, this.veraB]) if (!shared.disposed) shared.dispose()
    return super.detach()
  }

  override describe(): string {
    return `vera, ${this.weight.shape[1]}, ${this.weight.shape[0]}, rank=${this.lambdaD.shape[0]}`
  }

  /** The part of the projections that is this layer's: `[rank, in]`, `[out, rank]`. */
  #projections(): [Tensor, Tensor] {
    const [out, width] = this.weight.shape as [number, number]
    const part = (tensor: Tensor, dim: number, size: number) =>
      tensor.shape[dim] === size ? tensor : narrow(tensor, dim, 0, size)
    return [part(this.veraA, 1, width), part(this.veraB, 0, out)]
  }
}

/**
 * The projections as PEFT draws them: one generator, Kaiming-uniform with gain sqrt 2, A and then B, in float32 on the CPU
 * whatever the device and type, so that a seed gives the same everywhere.
 */
function drawProjections(layers: readonly Linear[], { rank, projectionPrngKey = 0 }: VeraSettings): Projections {
  const [first] = layers
  const width = Math.max(...layers.map(layer => layer.inFeatures))
  const out = Math.max(...layers.map(layer => layer.outFeatures))
  const placement = { dtype: wideType(first!), device: first!.weight.device }
  return drawnFrom(projectionPrngKey, () => {
    const veraA = init.kaimingUniform(empty([rank, width]))
    const veraB = init.kaimingUniform(empty([out, rank]))
    return { veraA: buffer(to(veraA, placement)), veraB: buffer(to(veraB, placement)) }
  })
}

/** VeRA among the methods: one pair of projections for all layers. */
export const vera: AdapterKind<VeraSettings> = {
  peftType: 'VERA',

  attach(model: Module, settings: VeraSettings, head: readonly string[]): void {
    const targets = findLinear(model, settings.targetModules, head)
    let shared: Projections | undefined
    standIn(model, targets, layer => {
      shared ??= drawProjections(
        targets.map(([, each]) => each),
        settings,
      )
      return new VeraLinear(layer, shared, settings)
    })
  },

  sharedTensors(model: Module, { saveProjection = true }: VeraSettings): Record<string, Tensor> {
    const [layer] = attachedAdapters(model).values()
    if (!saveProjection || !(layer instanceof VeraLinear)) return {}
    return { 'base_model.vera_A': layer.veraA, 'base_model.vera_B': layer.veraB }
  },

  fields: ({ rank, projectionPrngKey = 0, saveProjection = true, dInitial = 0.1, loraDropout = 0 }) => ({
    bias: 'none',
    d_initial: dInitial,
    fan_in_fan_out: false,
    init_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    projection_prng_key: projectionPrngKey,
    r: rank,
    save_projection: saveProjection,
    vera_dropout: loraDropout,
  }),

  read(reader) {
    // Another start changes nothing: the file holds what it led to.
    reader.refuseOthers(['r', 'projection_prng_key', 'save_projection', 'd_initial', 'vera_dropout', 'init_weights'], {
      bias: ['none'],
      fan_in_fan_out: [false],
    })
    return {
      method: 'vera',
      rank: reader.whole('r', 1),
      targetModules: reader.targets(),
      projectionPrngKey: reader.whole('projection_prng_key', 0),
      saveProjection: reader.boolean('save_projection'),
      dInitial: reader.number('d_initial', 'a number', Number.isFinite),
      loraDropout: reader.probability('vera_dropout'),
    }
  },
}
