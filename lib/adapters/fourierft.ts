import { ArgumentError } from '../errors.ts'
import {
  add,
  fftIrfft2,
  indexAdd,
  indexSelect,
  linear,
  narrow,
  randn,
  randperm,
  reshape,
  to,
  zeros,
} from '../ops/index.ts'
import { buffer, type Linear, type Module, parameter } from '../nn/index.ts'
import { scope, type Tensor, tensor } from '../tensor/index.ts'
import { standIn } from './attach.ts'
import type { AdapterKind } from './kinds.ts'
import { LinearAdapter } from './linear-adapter.ts'
import { cast, wideType } from './norm.ts'
import { drawnFrom } from './seeded.ts'
import { findLinear, type TargetModules } from './targets.ts'

/** FourierFT ("Parameter-Efficient Fine-Tuning with Discrete Fourier Transform", arXiv 2405.03003), as PEFT has it. */
export interface FourierSettings {
  method: 'fourierft'
  targetModules: TargetModules
  /** Coefficients of each layer; default 1000. */
  nFrequency?: number
  /** Seed that says which coefficients they are; default 777. */
  randomLocSeed?: number
  /** What the change of the weight is multiplied by; default 150. */
  scaling?: number
}

/**
 * The weight with a change of which a few Fourier coefficients are trained:
 *
 *     y = x (weight + scaling Re(ifft2(D)))^T + b,    D zero but for the spectrum in its places
 *
 * Re(ifft2(D)) is the inverse transform of D's Hermitian part, (D[u, v] + D[-u, -v]) / 2, of which the real transform
 * reads one half: all is real arithmetic, in the type of the weight (PEFT transforms in float32 whatever that is).
 */
export class FourierLinear extends LinearAdapter<Linear> {
  /** `[nFrequency]` */
  spectrum: Tensor
  /** Where the terms of the halved Hermitian part lie, flat in `[out, in / 2 + 1]`. */
  places: Tensor
  /** Which coefficient each of them is half of. */
  sources: Tensor
  readonly scaling: number

  /** @throws ArgumentError for more coefficients than the weight has */
  constructor(base: Linear, { nFrequency = 1000, randomLocSeed = 777, scaling = 150 }: FourierSettings) {
    super(base)
    const { inFeatures: width, outFeatures: out } = base
    if (!(Number.isInteger(nFrequency) && nFrequency > 0 && nFrequency <= out * width)) {
      throw new ArgumentError(
        'ADAPTER_SETTING',
        `adapter: expected nFrequency to be a whole number from 1 to ${out * width}, the entries of a weight [${out}, ${width}], got ${nFrequency}; take fewer, or larger layers`,
        { key: 'nFrequency', got: nFrequency },
      )
    }
    this.scaling = scaling
    const { device } = this.weight
    // As torch.randperm draws with a generator of this seed.
    const drawn = drawnFrom(randomLocSeed, () => narrow(randperm(out * width), 0, 0, nFrequency).tolist()) as number[]
    const [places, sources] = hermitianPlaces(drawn, out, width)
    this.places = buffer(tensor(places, { dtype: 'int64', device }))
    this.sources = buffer(tensor(sources, { dtype: 'int64', device }))
    const start = scope(() => to(randn([nFrequency]), { dtype: wideType(base), device }))
    this.spectrum = parameter(start, { level: 'lower' })
  }

  forward(input: Tensor): Tensor {
    return linear(input, cast(this.#combined(), input.dtype), this.bias ?? undefined)
  }

  mergedWeight(): Tensor {
    return cast(this.#combined(), this.weight.dtype)
  }

  adapterParameters(): Tensor[] {
    return [this.spectrum]
  }

  fileTensors(): Record<string, Tensor> {
    return { fourierft_spectrum: this.spectrum }
  }

  override detach(): Linear {
    this.places.dispose()
    this.sources.dispose()
    return super.detach()
  }

  override describe(): string {
    return `fourierft, ${this.weight.shape[1]}, ${this.weight.shape[0]}, nFrequency=${this.spectrum.numel}, scaling=${this.scaling}`
  }

  /** `[out, in]` */
  #combined(): Tensor {
    const [out, width] = this.weight.shape as [number, number]
    const { spectrum } = this
    const half = Math.floor(width / 2) + 1
    const none = zeros([out * half], { dtype: spectrum.dtype, device: spectrum.device })
    const terms = indexAdd(none, 0, this.places, indexSelect(spectrum, 0, this.sources))
    const change = fftIrfft2(reshape(terms, [out, half]), { s: [out, width] }) // [out, in]
    return add(cast(this.weight, spectrum.dtype), change, { alpha: this.scaling / 2 })
  }
}

/** Places of D[u, v] and D[-u, -v] in the half that the real transform reads, and which coefficient each one is. */
function hermitianPlaces(drawn: readonly number[], out: number, width: number): [places: number[], sources: number[]] {
  const half = Math.floor(width / 2) + 1
  const places: number[] = []
  const sources: number[] = []
  for (const [source, flat] of drawn.entries()) {
    const [u, v] = [Math.floor(flat / width), flat % width]
    for (const [row, column] of [
      [u, v],
      [(out - u) % out, (width - v) % width],
    ] as const) {
      if (column >= half) continue
      places.push(row * half + column)
      sources.push(source)
    }
  }
  return [places, sources]
}

/** FourierFT among the methods. */
export const fourierft: AdapterKind<FourierSettings> = {
  peftType: 'FOURIERFT',

  attach(model: Module, settings: FourierSettings, head: readonly string[]): void {
    standIn(model, findLinear(model, settings.targetModules, head), layer => new FourierLinear(layer, settings))
  },

  fields: ({ nFrequency = 1000, randomLocSeed = 777, scaling = 150 }) => ({
    bias: 'none',
    exclude_modules: null,
    fan_in_fan_out: false,
    init_weights: false,
    layers_pattern: null,
    layers_to_transform: null,
    n_frequency: nFrequency,
    n_frequency_pattern: {},
    random_loc_seed: randomLocSeed,
    scaling,
  }),

  read(reader) {
    // Another start changes nothing: the file holds what it led to.
    reader.refuseOthers(['n_frequency', 'random_loc_seed', 'scaling', 'init_weights'], {
      bias: ['none'],
      fan_in_fan_out: [false],
    })
    return {
      method: 'fourierft',
      targetModules: reader.targets(),
      nFrequency: reader.whole('n_frequency', 1),
      randomLocSeed: reader.whole('random_loc_seed', 0),
      scaling: reader.number('scaling', 'a number', Number.isFinite),
    }
  },
}
