export { AdamW, type AdamWOptions } from './adamw.ts'
export { clipByGlobalNorm_, globalNorm } from './clip.ts'
export {
  type DifferentiableAdamWOptions,
  type DifferentiableSGDOptions,
  type DifferentiableState,
  type DifferentiableStep,
  differentiableAdamW,
  differentiableSGD,
  type Rate,
} from './differentiable.ts'
export type { Optimizer, OptimizerState, ParameterGroup } from './optimizer.ts'
export { learningRateAt, type Schedule, type ScheduleKind, warmupStepsOf } from './schedule.ts'
export { SGD, type SGDOptions } from './sgd.ts'
