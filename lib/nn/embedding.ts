import { ArgumentError } from '../errors.ts'
import { embedding, empty } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { normal, zeroRow } from './init.ts'
import { Module, type Placement } from './module.ts'
import { parameter } from './parameter.ts'

/** A table of vectors, looked up by index, as torch.nn.Embedding. */
export class Embedding extends Module {
  /** [count, dimension] */
  weight: Tensor
  /** Row that starts as zero and never gets a gradient. */
  readonly paddingIndex: number | undefined

  /**
   * Starts from the standard normal distribution.
   *
   * @throws ArgumentError for a padding row outside the table.
   */
  constructor(count: number, dimension: number, options: Placement & { paddingIndex?: number } = {}) {
    super()
    const { paddingIndex, ...placement } = options
    if (paddingIndex !== undefined && !(Number.isInteger(paddingIndex) && paddingIndex >= 0 && paddingIndex < count)) {
      throw new ArgumentError(
        'MODULE',
        `Embedding: expected a paddingIndex from 0 to ${count - 1}, got ${paddingIndex}`,
      )
    }
    this.paddingIndex = paddingIndex
    this.weight = parameter(normal(empty([count, dimension], placement)))
    if (paddingIndex !== undefined) zeroRow(this.weight, paddingIndex)
  }

  /** How many entries the table has. */
  get count(): number {
    return this.weight.shape[0]!
  }

  /** Looks up whole numbers [...]: [..., dimension]. */
  forward(indices: Tensor): Tensor {
    if (this.paddingIndex === undefined) return embedding(this.weight, indices)
    return embedding(this.weight, indices, { paddingIdx: this.paddingIndex })
  }

  override describe(): string {
    const padding = this.paddingIndex === undefined ? '' : `, paddingIndex=${this.paddingIndex}`
    return `${this.weight.shape.join(', ')}${padding}`
  }
}
