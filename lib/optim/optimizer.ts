import { ArgumentError } from '../errors.ts'
import type { Tensor } from '../tensor/index.ts'

/** Parameters that share a learning rate and a weight decay. */
export interface ParameterGroup {
  readonly parameters: readonly Tensor[]
  /** Read at every step, so a schedule only has to set it. */
  learningRate: number
  weightDecay?: number
}

/** Everything an optimiser remembers between steps: tensors by name, numbers by name. */
export interface OptimizerState {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly numbers: Readonly<Record<string, number>>
}

/**
 * Moves parameters along gradients. Nothing here reads a tensor's values: a step on a GPU is only launched.
 * Parameters are counted through all groups in order; gradients, and the state's names, follow that count.
 */
export interface Optimizer {
  readonly groups: readonly ParameterGroup[]
  /**
   * One step. A gradient that is null leaves its parameter and its state as they are (as torch does).
   *
   * @param gradients One for each parameter, in the order of the groups.
   */
  step(gradients: readonly (Tensor | null)[]): void
  /** The state itself, not a copy: save it before the next step. */
  state(): OptimizerState
  /** Takes over a saved state by copying it. */
  load(state: OptimizerState): void
  /** Frees the state's tensors. */
  dispose(): void
}

/** What one call of the foreach ops works on: everything of a group that has a gradient. */
export interface GroupUpdate {
  readonly parameters: Tensor[]
  readonly gradients: Tensor[]
  /** Places in the count through all groups. */
  readonly places: number[]
  readonly learningRate: number
  readonly weightDecay: number
}

/** Pairs gradients with parameters, group by group, and leaves out those without a gradient. */
export function pairGroups(
  groups: readonly ParameterGroup[],
  gradients: readonly (Tensor | null)[],
  defaultDecay: number,
): GroupUpdate[] {
  const count = groups.reduce((sum, group) => sum + group.parameters.length, 0)
  if (gradients.length !== count) {
    throw new ArgumentError(
      'GRADIENT_COUNT',
      `Optimizer.step: expected one gradient for each of ${count} parameters, got ${gradients.length}`,
    )
  }
  const updates: GroupUpdate[] = []
  let place = 0
  for (const { parameters, learningRate, weightDecay = defaultDecay } of groups) {
    const update: GroupUpdate = { parameters: [], gradients: [], places: [], learningRate, weightDecay }
    for (const parameter of parameters) {
      const gradient = gradients[place]
      if (gradient) {
        update.parameters.push(parameter)
        update.gradients.push(gradient)
        update.places.push(place)
      }
      place++
    }
    if (update.places.length > 0) updates.push(update)
  }
  return updates
}

/** Checks groups once, when an optimiser is made. */
export function checkGroups(where: string, groups: readonly ParameterGroup[]): void {
  const seen = new Set<Tensor>()
  for (const { parameters, learningRate, weightDecay = 0 } of groups) {
    for (const [name, value] of Object.entries({ learningRate, weightDecay })) {
      if (!(value >= 0 && Number.isFinite(value))) {
        throw new ArgumentError('OPTIMIZER_OPTION', `${where}: ${name} must be a number of at least 0, got ${value}`)
      }
    }
    for (const parameter of parameters) {
      if (!parameter.isLeaf) {
        throw new ArgumentError(
          'NOT_A_LEAF',
          `${where}: expected leaf tensors, got one that was computed; detach it first`,
        )
      }
      if (seen.has(parameter)) {
        throw new ArgumentError('PARAMETER_TWICE', `${where}: a parameter of shape [${parameter.shape}] is given twice`)
      }
      seen.add(parameter)
    }
  }
  if (seen.size === 0) throw new ArgumentError('NO_PARAMETERS', `${where}: expected at least one parameter, got none`)
}

/** Checks the options of gradient descent with momentum. */
export function checkMomentum(where: string, momentum: number, dampening: number, nesterov: boolean): void {
  checkOption(where, 'momentum', momentum, 0, Number.POSITIVE_INFINITY)
  if (nesterov && (momentum === 0 || dampening !== 0))
    throw new ArgumentError(
      'OPTIMIZER_OPTION',
      `${where}: nesterov needs a momentum above 0 and dampening 0, got ${momentum} and ${dampening}`,
    )
}

/** Checks one option of an optimiser against a range. */
export function checkOption(where: string, name: string, value: number, least: number, below: number): void {
  if (value >= least && value < below) return
  const range = below === Number.POSITIVE_INFINITY ? `at least ${least}` : `at least ${least} and below ${below}`
  throw new ArgumentError('OPTIMIZER_OPTION', `${where}: ${name} must be ${range}, got ${value}`)
}
