import { ArgumentError, ShapeError } from '../errors.ts'
import type { Tensor } from '../tensor/index.ts'
import { checkNumber } from './options.ts'

/** The lower level's Adam after its last step: for each lower parameter, in their order, one entry of every list. */
export interface AdamState {
  expAvg: readonly Tensor[]
  expAvgSq: readonly Tensor[]
  /** The gradients of that last step, as the optimizer got them. */
  gradient: readonly Tensor[]
  learningRate: number | readonly number[]
  betas: readonly [number, number]
  eps: number
}

/** The same, written parameter by parameter. */
export interface AdamEntry {
  expAvg: Tensor
  expAvgSq: Tensor
  gradient: Tensor
  learningRate: number
  betas: readonly [number, number]
  eps: number
}

/**
 * The state entry by entry, checked.
 *
 * @throws ArgumentError where an entry is missing or a number is out of its range
 * @throws ShapeError where a tensor does not have its parameter's shape
 */
export function adamEntries(state: AdamState | readonly AdamEntry[], lowerParameters: readonly Tensor[]): AdamEntry[] {
  const count = lowerParameters.length
  const lengths = isEntries(state)
    ? [state.length]
    : [state?.expAvg, state?.expAvgSq, state?.gradient].map(x => x?.length)
  if (lengths.some(length => length !== count))
    throw new ArgumentError(
      'BILEVEL_OPTIMIZER_STATE',
      `sama: expected optimizerState { expAvg, expAvgSq, gradient, learningRate, betas, eps } with one entry for each of ${count} lower parameters, got ${lengths.map(length => length ?? 'none').join(', ')}; for plain gradient descent take finite-difference with radius 1`,
      { expected: count, got: lengths },
    )
  const entries = isEntries(state) ? state : lowerParameters.map((_, i) => entryAt(state, i))
  entries.forEach((entry, i) => checkEntry(entry, lowerParameters[i]!, i))
  return [...entries]
}

function isEntries(state: AdamState | readonly AdamEntry[]): state is readonly AdamEntry[] {
  return Array.isArray(state)
}

function entryAt({ expAvg, expAvgSq, gradient, learningRate, betas, eps }: AdamState, i: number): AdamEntry {
  const rate = typeof learningRate === 'number' ? learningRate : learningRate[i]!
  return { expAvg: expAvg[i]!, expAvgSq: expAvgSq[i]!, gradient: gradient[i]!, learningRate: rate, betas, eps }
}

function checkEntry({ expAvg, expAvgSq, gradient, ...numbers }: AdamEntry, parameter: Tensor, index: number): void {
  const wanted = String(parameter.shape)
  for (const [name, value] of Object.entries({ expAvg, expAvgSq, gradient }))
    if (String(value?.shape) !== wanted)
      throw new ShapeError(
        'BILEVEL_OPTIMIZER_STATE',
        `sama: expected optimizerState.${name} of shape [${wanted}] for lowerParameters[${index}], got ${value ? `[${value.shape}]` : String(value)}; give it in the order of lowerParameters`,
        { name, index, expected: parameter.shape, got: value?.shape },
      )
  const { learningRate, betas, eps } = numbers
  checkNumber('sama', 'learningRate', learningRate, { least: 0 }, 'the one of the last lower step')
  checkNumber('sama', 'beta1', betas?.[0], { least: 0, below: 1 }, 'betas[0] of the lower optimizer')
  checkNumber('sama', 'beta2', betas?.[1], { above: 0, below: 1 }, 'betas[1] of the lower optimizer')
  checkNumber('sama', 'eps', eps, { least: 0 }, 'the one of the lower optimizer')
}
