import { ArgumentError } from '../errors.ts'
import * as ops from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { checkMomentum, checkOption } from './optimizer.ts'

/** What a step remembers: counts, and lists with one tensor for each parameter. `{}` before the first step. */
export type DifferentiableState = Readonly<Record<string, number | readonly Tensor[]>>

/**
 * One step of an optimiser as a function of tensors: nothing is changed in place, so that the next parameters and the
 * next state have derivatives by the parameters, the gradients, the state, and rates that are tensors.
 */
export type DifferentiableStep = (
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  state: DifferentiableState,
) => { parameters: Tensor[]; state: DifferentiableState }

/** A rate: one for all parameters or one for each; as a tensor of one element it can be differentiated by. */
export type Rate = number | Tensor | readonly (number | Tensor)[]

export interface DifferentiableSGDOptions {
  learningRate: Rate
  momentum?: number
  dampening?: number
  nesterov?: boolean
  /** Added to the gradient, as torch does. */
  weightDecay?: Rate
}

export interface DifferentiableAdamWOptions {
  learningRate: Rate
  betas?: readonly [number, number]
  eps?: number
  /** Decoupled; 0.01. */
  weightDecay?: Rate
}

/**
 * `SGD`'s step (its arithmetic, see there) without anything in place. State: `{ momentumBuffer }`.
 *
 * @throws ArgumentError where an option is out of its range; the step where lists do not have one entry per parameter
 */
export function differentiableSGD(options: DifferentiableSGDOptions): DifferentiableStep {
  const { learningRate, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options
  checkRate('differentiableSGD', 'learningRate', learningRate)
  checkRate('differentiableSGD', 'weightDecay', weightDecay)
  checkMomentum('differentiableSGD', momentum, dampening, nesterov)
  return (parameters, gradients, state) => {
    checkCounts('differentiableSGD', parameters, { gradients, ...state, learningRate, weightDecay })
    const old = state.momentumBuffer as readonly Tensor[] | undefined
    const buffers: Tensor[] = []
    const next = parameters.map((parameter, i) => {
      let gradient = gradients[i]!
      const decay = rateOf(weightDecay, i)
      if (decay !== 0) gradient = addScaled(gradient, parameter, decay)
      if (momentum !== 0) {
        const buffer = old ? ops.add(ops.mul(old[i]!, momentum), gradient, { alpha: 1 - dampening }) : gradient
        buffers.push(buffer)
        gradient = nesterov ? ops.add(gradient, buffer, { alpha: momentum }) : buffer
      }
      return addScaled(parameter, gradient, negated(rateOf(learningRate, i)))
    })
    return { parameters: next, state: momentum === 0 ? {} : { momentumBuffer: buffers } }
  }
}

/**
 * `AdamW`'s step (torch's arithmetic, see there) without anything in place. State: `{ step, expAvg, expAvgSq }`, as
 * `AdamW` has them; all parameters have had equally many steps.
 *
 * Where a second moment is 0, which means that every gradient so far was, its square root has the derivative 0 here (it
 * is infinite, times a derivative of the square that is 0). What remains there is learningRate / eps: a very large
 * derivative, and the true one.
 *
 * @throws ArgumentError where an option is out of its range; the step where lists do not have one entry per parameter
 */
export function differentiableAdamW(options: DifferentiableAdamWOptions): DifferentiableStep {
  const { learningRate, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = options
  const [beta1, beta2] = betas
  checkRate('differentiableAdamW', 'learningRate', learningRate)
  checkRate('differentiableAdamW', 'weightDecay', weightDecay)
  checkOption('differentiableAdamW', 'betas[0]', beta1, 0, 1)
  checkOption('differentiableAdamW', 'betas[1]', beta2, 0, 1)
  checkOption('differentiableAdamW', 'eps', eps, 0, Number.POSITIVE_INFINITY)
  return (parameters, gradients, state) => {
    checkCounts('differentiableAdamW', parameters, { gradients, ...state, learningRate, weightDecay })
    const step = ((state.step as number | undefined) ?? 0) + 1
    const moment = (name: string, i: number) =>
      (state[name] as readonly Tensor[] | undefined)?.[i] ?? ops.zerosLike(gradients[i]!)
    const expAvg = gradients.map((gradient, i) => ops.lerp(moment('expAvg', i), gradient, 1 - beta1))
    const expAvgSq = gradients.map((gradient, i) =>
      ops.addcmul(ops.mul(moment('expAvgSq', i), beta2), gradient, gradient, { value: 1 - beta2 }),
    )
    const next = parameters.map((parameter, i) => {
      const rate = rateOf(learningRate, i)
      const denominator = ops.add(ops.div(rootOf(expAvgSq[i]!), Math.sqrt(1 - beta2 ** step)), eps)
      const decayed = decay(parameter, rate, rateOf(weightDecay, i))
      const correction = 1 - beta1 ** step
      return typeof rate === 'number'
        ? ops.addcdiv(decayed, expAvg[i]!, denominator, { value: -(rate / correction) })
        : ops.sub(decayed, ops.mul(ops.div(expAvg[i]!, denominator), ops.div(rate, correction)))
    })
    return { parameters: next, state: { step, expAvg, expAvgSq } }
  }
}

/** p (1 - rate decay), nothing where both are the number that says so. */
function decay(parameter: Tensor, rate: number | Tensor, by: number | Tensor): Tensor {
  if (typeof rate === 'number' && typeof by === 'number')
    return by === 0 ? parameter : ops.mul(parameter, 1 - rate * by)
  const product = typeof rate === 'number' ? ops.mul(by as Tensor, rate) : ops.mul(rate, by)
  return ops.mul(parameter, ops.add(ops.neg(product), 1))
}

/** The square root, of derivative 0 at 0. */
function rootOf(square: Tensor): Tensor {
  const positive = ops.gt(square, 0)
  return ops.where(positive, ops.sqrt(ops.where(positive, square, 1)), 0)
}

function addScaled(x: Tensor, y: Tensor, scale: number | Tensor): Tensor {
  return typeof scale === 'number' ? ops.add(x, y, { alpha: scale }) : ops.add(x, ops.mul(y, scale))
}

function negated(rate: number | Tensor): number | Tensor {
  return typeof rate === 'number' ? -rate : ops.neg(rate)
}

function rateOf(rate: Rate, index: number): number | Tensor {
  return Array.isArray(rate) ? (rate as readonly (number | Tensor)[])[index]! : (rate as number | Tensor)
}

function checkRate(where: string, name: string, rate: Rate): void {
  const rates = Array.isArray(rate) ? (rate as readonly (number | Tensor)[]) : [rate as number | Tensor]
  for (const value of rates)
    if (typeof value === 'number') checkOption(where, name, value, 0, Number.POSITIVE_INFINITY)
    else if (value.numel !== 1)
      throw new ArgumentError('OPTIMIZER_OPTION', `${where}: ${name} must have one element, got shape [${value.shape}]`)
}

/** Every list among these has one entry per parameter. */
function checkCounts(
  where: string,
  parameters: readonly Tensor[],
  lists: Readonly<Record<string, number | Tensor | readonly unknown[]>>,
): void {
  for (const [name, list] of Object.entries(lists))
    if (Array.isArray(list) && list.length !== parameters.length)
      throw new ArgumentError(
        'GRADIENT_COUNT',
        `${where}: expected ${name} to have one entry for each of ${parameters.length} parameters, got ${list.length}`,
      )
}
