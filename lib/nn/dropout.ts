import { ArgumentError } from '../errors.ts'
import { bernoulli_, div_, emptyLike, mul } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { Module } from './module.ts'

/**
 * Zeroes elements with probability p and divides the others by 1 - p.
 *
 * Not libtorch's own dropout: its mask is drawn from the environment's generator, so that reading and restoring the
 * random state repeats it, and it has derivatives of every order.
 *
 * @throws ArgumentError for a probability outside 0 to 1.
 */
export function dropout(input: Tensor, p: number): Tensor {
  checkProbability(p)
  if (p === 0) return input
  const mask = bernoulli_(emptyLike(input), 1 - p)
  // With p = 1 every element is dropped, and 0 / 0 would be no number.
  return mul(input, p === 1 ? mask : div_(mask, 1 - p))
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
  forward(input: Tensor): Tensor {
    return this.active ? dropout(input, this.p) : input
  }

  override describe(): string {
    return `p=${this.p}`
  }
}

function checkProbability(p: number): void {
  if (p >= 0 && p <= 1) return
  throw new ArgumentError('MODULE', `dropout: expected a probability from 0 to 1, got ${p}`)
}
