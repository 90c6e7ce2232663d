import type { BilevelProblem } from '../../../lib/bilevel/index.ts'
import { dropout } from '../../../lib/nn/index.ts'
import { add, linear, mean, mul, narrow, ones, randn, square, sub, sum, tanh } from '../../../lib/ops/index.ts'
import type { Tensor } from '../../../lib/tensor/index.ts'

/** Rows of one data set, by where they start and how many they are. */
export interface Rows {
  start: number
  count: number
  /** Taken instead of drawing dropout masks. */
  mask?: Tensor
}

export interface Network extends BilevelProblem<Rows> {
  parameters: Tensor[]
  /** Called with every loss of a part, before it is given back. */
  seen: { lower: Tensor[]; upper: Tensor[] }
}

const HIDDEN = 6

/** A mask as `rows` rows of the lower loss draw it. */
export const drawMask = (count: number, probability: number): Tensor =>
  dropout(ones([count, HIDDEN], { dtype: 'float64' }), probability)

/**
 * A network with dropout in its lower loss: lower weights, upper gains and decays, 12 rows of data. Not convex, so that its
 * Hessian is indefinite where no decay helps.
 */
export function network(probability = 0, decay = 0.3): Network {
  const make = (shape: number[], requiresGrad = true) => {
    const value = randn(shape, { dtype: 'float64' })
    value.requiresGrad = requiresGrad
    return value
  }
  const [first, second] = [make([HIDDEN, 4]), make([2, HIDDEN])]
  const [gain, logDecay] = [make([HIDDEN]), make([HIDDEN, 4])]
  const [x, y] = [make([12, 4], false), make([12, 2], false)]
  const seen: Network['seen'] = { lower: [], upper: [] }
  const loss = ({ start, count, mask }: Rows, p: number) => {
    const hidden = tanh(mul(linear(narrow(x, 0, start, count), first), gain)) // [rows, hidden]
    const kept = mask ? mul(hidden, mask) : dropout(hidden, p)
    return mean(square(sub(linear(kept, second), narrow(y, 0, start, count))))
  }
  const penalty = () => mul(add(sum(mul(square(first), logDecay.exp())), sum(square(second))), decay)
  const note = (list: Tensor[], value: Tensor) => {
    list.push(value)
    return value
  }
  return {
    lowerLoss: rows => note(seen.lower, add(loss(rows, probability), penalty())),
    upperLoss: rows => note(seen.upper, loss({ ...rows }, 0)),
    lowerParameters: [first, second],
    upperParameters: [gain, logDecay],
    parameters: [first, second, gain, logDecay],
    seen,
  }
}
