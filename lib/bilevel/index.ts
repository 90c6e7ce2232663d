export { type Accumulable, Accumulated, accumulated, type Part } from './accumulation.ts'
export type { AdamEntry, AdamState } from './adam-state.ts'
export { type ConjugateGradientOptions, conjugateGradient } from './conjugate-gradient.ts'
export type { Breakdown, Diagnostics } from './diagnostics.ts'
export { type ExactOptions, exact } from './exact.ts'
export { type FiniteDifferenceOptions, finiteDifference } from './finite-difference.ts'
export { firstOrder } from './first-order.ts'
export {
  type HypergradientOptions,
  hypergradient,
  METHOD_NAMES,
  type MethodChoice,
  type MethodName,
} from './hypergradient.ts'
export { type NeumannOptions, neumann } from './neumann.ts'
export type { OnBreakdown } from './options.ts'
export type { Batches, BilevelProblem, Hypergradient, HypergradientMethod } from './problem.ts'
export { type SamaOptions, sama } from './sama.ts'
export { sharedStep } from './shared-step.ts'
export { type Round, type RoundBatches, type RoundOptions, step, type Update } from './step.ts'
export { unrolled } from './unrolled.ts'
export type { DifferentiableUpdate, UnrolledOptions, UpdateState } from './unrolled-options.ts'
