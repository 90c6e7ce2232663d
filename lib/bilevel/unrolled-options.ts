import { ArgumentError } from '../errors.ts'
import { sub } from '../ops/index.ts'
import { isFloating, type Tensor } from '../tensor/index.ts'
import type { Accumulable } from './accumulation.ts'
import { checkNumber } from './options.ts'

/** What an optimizer remembers between steps: counts, and lists with one tensor for each parameter. */
export type UpdateState = Readonly<Record<string, number | readonly Tensor[]>>

/**
 * One step of an optimizer as a function of tensors that can be differentiated: it changes nothing in place, and gives
 * the next parameters and the next state. `optim` has gradient descent and AdamW in this form.
 */
export type DifferentiableUpdate = (
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  state: UpdateState,
) => { parameters: readonly Tensor[]; state: UpdateState }

export interface UnrolledOptions {
  /** Of plain gradient descent. Left out where `update` is given. */
  learningRate?: number
  /** The step of another optimizer. */
  update?: DifferentiableUpdate
  /** The state that `update` starts from; none. */
  optimizerState?: UpdateState
  /** How many steps; `lowerBatch` is then an array of so many batches. Left out, one step with `lowerBatch`. */
  steps?: number
}

/** Checks the options and gives what `unrolled` works with. */
export function checkUnrolled<Batch>(
  lowerBatch: Accumulable<Batch> | readonly Accumulable<Batch>[],
  { learningRate, update, optimizerState, steps }: UnrolledOptions,
): { update: DifferentiableUpdate; optimizerState: UpdateState; batches: readonly Accumulable<Batch>[] } {
  if ((learningRate === undefined) === (update === undefined)) {
    throw new ArgumentError(
      'BILEVEL_UPDATE',
      `unrolled: expected either a learningRate or an update, got ${update ? 'both' : 'neither'}; learningRate is plain gradient descent`,
    )
  }
  if (update === undefined && optimizerState !== undefined)
    throw new ArgumentError(
      'BILEVEL_OPTIMIZER_STATE',
      'unrolled: expected an update with optimizerState, got a learningRate; plain gradient descent has no state',
    )
  if (update === undefined)
    checkNumber('unrolled', 'learningRate', learningRate, { least: 0 }, 'the one of the lower level')
  const batches = batchesOf(lowerBatch, steps)
  return {
    update: update ? checkedUpdate(update) : descent(learningRate!),
    optimizerState: optimizerState ?? {},
    batches,
  }
}

function batchesOf<Batch>(
  lowerBatch: Accumulable<Batch> | readonly Accumulable<Batch>[],
  steps: number | undefined,
): readonly Accumulable<Batch>[] {
  if (steps === undefined) return [lowerBatch as Accumulable<Batch>]
  checkNumber('unrolled', 'steps', steps, { least: 1, integer: true }, 'one batch of lowerBatch is used for each')
  if (Array.isArray(lowerBatch) && lowerBatch.length === steps) return lowerBatch as Accumulable<Batch>[]
  const got = Array.isArray(lowerBatch) ? `${lowerBatch.length} of them` : typeof lowerBatch
  throw new ArgumentError(
    'BILEVEL_BATCH',
    `unrolled: expected lowerBatch to be an array of ${steps} batches, one for each step, got ${got}; leave steps out for one step with one batch`,
    { steps },
  )
}

function checkedUpdate(update: DifferentiableUpdate): DifferentiableUpdate {
  if (typeof update !== 'function') {
    throw new ArgumentError(
      'BILEVEL_UPDATE',
      `unrolled: expected update to be a function (parameters, gradients, state) => { parameters, state }, got ${typeof update}; optim has differentiableSGD and differentiableAdamW`,
    )
  }
  return (parameters, gradients, state) => {
    const next = update(parameters, gradients, state)
    const given = next?.parameters
    const shapes = (list: readonly Tensor[]) => list.map(tensor => `[${tensor.shape.join(', ')}]`).join(' ')
    if (given?.length === parameters.length && shapes(given) === shapes(parameters)) return next
    const [expected, got] =
      given?.length === parameters.length
        ? [`parameters of shapes ${shapes(parameters)}`, shapes(given)]
        : [`${parameters.length} parameters`, given?.length]
    throw new ArgumentError(
      'BILEVEL_UPDATE',
      `unrolled, update: expected ${expected}, got ${got}; give { parameters, state }, the next of both`,
    )
  }
}

function descent(learningRate: number): DifferentiableUpdate {
  return (parameters, gradients, state) => ({
    parameters: parameters.map((parameter, i) => sub(parameter, gradients[i]!, { alpha: learningRate })),
    state,
  })
}

/** The tensors of a state that can have a gradient, in a fixed order. */
export function tensorsOf(state: UpdateState): Tensor[] {
  return Object.values(state)
    .flatMap(value => (typeof value === 'number' ? [] : value))
    .filter(({ dtype }) => isFloating(dtype))
}

/** The state with `change` done to every tensor that `tensorsOf` gives. */
export function mapState(state: UpdateState, change: (tensor: Tensor) => Tensor): UpdateState {
  const entries = Object.entries(state).map(([name, value]) => [
    name,
    typeof value === 'number' ? value : value.map(tensor => (isFloating(tensor.dtype) ? change(tensor) : tensor)),
  ])
  return Object.fromEntries(entries) as UpdateState
}

/** The same values, to be differentiated by. */
export function leafOf(tensor: Tensor): Tensor {
  const leaf = tensor.detach()
  leaf.requiresGrad = true
  return leaf
}
