import { noGrad } from '../autograd/index.ts'
import { buffer, Module, type Placement } from '../nn/index.ts'
import { add, cat, copy_, cos, empty, mul, narrow, neg, sin, to, unsqueeze, view } from '../ops/index.ts'
import { type DType, scope, type Tensor, tensor } from '../tensor/index.ts'
import type { StartsItself } from './initialise.ts'

// "RoFormer: Enhanced Transformer with Rotary Position Embedding", as transformers computes it.

/** Cosines and sines of the angles by which queries and keys are turned, a row a place: [places, headDim]. */
export interface Rotation {
  readonly cos: Tensor
  readonly sin: Tensor
}

/** The speeds of rotation: base^(-2 i / headDim), one for each pair of a head's dimensions. */
export class RotaryEmbedding extends Module implements StartsItself {
  /** [headDim / 2] */
  invFreq: Tensor
  readonly #headDim: number
  readonly #base: number

  constructor(headDim: number, base: number, placement: Placement) {
    super()
    this.#headDim = headDim
    this.#base = base
    const speeds = empty([headDim / 2], placement)
    this.invFreq = buffer(placement.device === 'meta' ? speeds : this.#fill(speeds))
  }

  get starts() {
    return { invFreq: (speeds: Tensor) => this.#fill(speeds) }
  }

  /** Of whole numbers [places]; angles are float32 in every type, as transformers has them. */
  forward(positions: Tensor, dtype: DType): Rotation {
    const wide = (x: Tensor) => to(x, { dtype: 'float32' })
    const half = mul(unsqueeze(wide(positions), -1), wide(this.invFreq)) // [places, headDim / 2]
    const angles = cat([half, half], { dim: -1 }) // [places, headDim]
    return { cos: to(cos(angles), { dtype }), sin: to(sin(angles), { dtype }) }
  }

  #fill(speeds: Tensor): Tensor {
    const values = Float32Array.from({ length: this.#headDim / 2 }, (_, i) => this.#base ** ((-2 * i) / this.#headDim))
    return scope(() => noGrad(() => copy_(speeds, tensor(values))))
  }
}

/**
 * x cos + turned(x) sin, where turned takes the second half of a head before the first, with the other sign. It is
 * computed from x in float32, whatever its type is, and given in that type: so does transformers.
 *
 * @param x [batch, seq, hidden], or [rows, hidden] with a row of the rotation each; of first tokens alone [batch, hidden]
 */
export function rotate(x: Tensor, { cos, sin }: Rotation, heads: number): Tensor {
  const headDim = x.shape.at(-1)! / heads
  const split = view(x, [...x.shape.slice(0, -1), heads, headDim]) // [..., heads, headDim]
  // Cast twice, so that the two parts of a float64 gradient are rounded one by one and not their sum.
  const wide = () => to(split, { dtype: 'float32' })
  const turned = turn(wide(), headDim / 2)
  const rotated = add(mul(wide(), unsqueeze(cos, -2)), mul(turned, unsqueeze(sin, -2)))
  return view(to(rotated, { dtype: x.dtype }), x.shape)
}

/** The second half of the last dimension with the other sign, then the first. */
function turn(x: Tensor, half: number): Tensor {
  return cat([neg(narrow(x, -1, half, half)), narrow(x, -1, 0, half)], { dim: -1 })
}
