import { BidoraError } from '../errors.ts'

/**
 * The same logits, if every one is a number; `where` names who asks.
 *
 * @throws BidoraError where one is not: such a model predicts nothing.
 */
export function finite<Logits extends Float32Array | Float64Array>(logits: Logits, where = 'predict'): Logits {
  for (let place = 0; place < logits.length; place++) {
    const logit = logits[place]!
    if (Number.isFinite(logit)) continue
    throw new BidoraError(
      'LOGITS_NOT_FINITE',
      `${where}: expected finite logits, got ${logit} at ${place} of ${logits.length}; the model is damaged or was trained at too high a learning rate`,
      { place, logit },
    )
  }
  return logits
}

/** Probabilities of logits: `exp(x - max) / sum(exp(x - max))`, safe for large ones. */
export function softmax(logits: Float64Array): Float64Array {
  const largest = largestOf(logits)
  const powers = logits.map(logit => Math.exp(logit - largest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map(power => power / total)
}

/** `1 / (1 + exp(-x))` */
export function sigmoid(logit: number): number {
  // Each branch keeps the exponential at most 1, so that nothing overflows.
  return logit >= 0 ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / (1 + Math.exp(logit))
}

/** Place of the largest; the first of equals. */
export function argmax(values: Float64Array): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index
  return best
}

/** `log(sum(exp(x)))` */
export function logSumExp(values: Float64Array): number {
  const largest = largestOf(values)
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0))
}

/** `log(1 + exp(x))` */
export function softplus(value: number): number {
  return Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)))
}

function largestOf(values: Float64Array): number {
  return values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY)
}
