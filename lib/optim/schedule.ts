import { ArgumentError } from '../errors.ts'

export type ScheduleKind = 'linear' | 'cosine' | 'constant'

/** How a learning rate goes over a training: a pure function of the step, so there is no state to save. */
export interface Schedule {
  readonly kind: ScheduleKind
  /** The highest rate. */
  readonly learningRate: number
  /** Steps of the whole training. */
  readonly steps: number
  /** Steps in which the rate rises from 0; the first step runs at 0, as in transformers. */
  readonly warmupSteps: number
}

/**
 * The learning rate of a step (0 is the first). With s the step, w the warm-up and T all steps, the factor is
 *
 *     s < w:     s / max(1, w)
 *     linear:    max(0, (T - s) / max(1, T - w))
 *     cosine:    max(0, (1 + cos(pi (s - w) / max(1, T - w))) / 2)
 *     constant:  1
 *
 * the formulas of transformers' `get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup` and
 * `get_constant_schedule_with_warmup`.
 */
export function learningRateAt(schedule: Schedule, step: number): number {
  return schedule.learningRate * factorAt(schedule, step)
}

function factorAt({ kind, steps, warmupSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps)
  const rest = Math.max(1, steps - warmupSteps)
  switch (kind) {
    case 'linear':
      return Math.max(0, (steps - step) / rest)
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / rest)))
    case 'constant':
      return 1
    default:
      throw new ArgumentError('SCHEDULE', `learningRateAt: expected linear, cosine or constant, got ${String(kind)}`)
  }
}

/** Steps of warm-up for a part of all steps, to the nearest whole step. */
export function warmupStepsOf(ratio: number, steps: number): number {
  return Math.round(ratio * steps)
}
