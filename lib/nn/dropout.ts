import { ArgumentError } from '../errors.ts'
import { isForwardMode, noGrad } from '../autograd/index.ts'
import { add, bernoulli_, div_, emptyLike, mul, onesLike } from '../ops/index.ts'
import { addon, type Tensor } from '../tensor/index.ts'
import { Module } from './module.ts'

export interface DropoutPlace {
  /**
   * [rows] int64: the place of each row (all dimensions but the last, flattened) among those whose masks are drawn; a row's
   * place is its number where this is absent. Rows of one place get one mask, packed or padded.
   */
  rows?: Tensor | undefined
  /** Added to the result, of the input's shape and dtype. */
  residual?: Tensor | undefined
}

/**
 * Zeroes elements with probability p and divides the others by 1 - p.
 *
 * Not libtorch's own dropout: one key is drawn from the environment's generator, so that reading and restoring the
 * random state repeats the mask, and it has derivatives of every order. On the CPU an element's fate follows from the
 * key and its place alone (Philox, native/dropout.cc), in every dtype.
 *
 * @throws ArgumentError for a probability outside 0 to 1.
 */
export function dropout(input: Tensor, p: number, { rows, residual }: DropoutPlace = {}): Tensor {
  checkProbability(p)
  if (p === 0) return residual ? add(input, residual) : input
  if (residual && residual.dtype !== input.dtype) return add(dropout(input, p, { rows }), residual) // autocast
  if (input.device === 'cpu' && !isForwardMode()) return addon().dropout(input, p, rows ?? null, residual ?? null)
  const mask = maskOf(input, p, rows)
  const dropped = mul(input, mask)
  return residual ? add(dropped, residual) : dropped
}

function maskOf(input: Tensor, p: number, rows: Tensor | undefined): Tensor {
  if (input.device === 'cpu') return noGrad(() => addon().dropout(onesLike(input), p, rows ?? null, null))
  const mask = bernoulli_(emptyLike(input), 1 - p)
  // With p = 1 every element is dropped, and 0 / 0 would be no number.
  return p === 1 ? mask : div_(mask, 1 - p)
}

/** Dropout that is on in training mode only. */
export class Dropout extends Module {
  readonly p: number

  /** @throws ArgumentError for a probability outside 0 to 1. */
  constructor(p: number) {
    super()
    checkProbability(p)
    this.p = p
  }

  /** Whether a forward pass drops anything now. */
  get active(): boolean {
    return this.training && this.p > 0
  }

  /** [...] to [...] */
  forward(input: Tensor, place: DropoutPlace = {}): Tensor {
    return dropout(input, this.active ? this.p : 0, place)
  }

  override describe(): string {
    return `p=${this.p}`
  }
}

function checkProbability(p: number): void {
  if (p >= 0 && p <= 1) return
  throw new ArgumentError('MODULE', `dropout: expected a probability from 0 to 1, got ${p}`)
}
