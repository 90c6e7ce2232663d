import { type BestCourse, courseOf } from './best.ts'
import type { Settings } from './config.ts'
import type { RunLog } from './log.ts'
import type { Learner, PhasePlan } from './plan.ts'

/** Evaluations that decide which weights a training on all examples ends with, and when. */
export class Watch {
  readonly #settings: Settings
  readonly #log: RunLog

  /** @param log Where the evaluations stand: nothing else is remembered, so that a checkpoint needs no more. */
  constructor(settings: Settings, log: RunLog) {
    this.#settings = settings
    this.#log = log
  }

  /** Whether the evaluations of a phase decide anything. */
  isOn({ phase }: PhasePlan): boolean {
    const { loadBest, patience } = this.#settings
    return phase !== 'search' && (loadBest || patience !== undefined)
  }

  /** The step whose weights are the best so far; undefined where they are not asked for. */
  bestStep(plan: PhasePlan): number | undefined {
    return this.#settings.loadBest && this.isOn(plan) ? this.#course(plan)?.entry.step : undefined
  }

  /** Whether evaluations have not become better for too long. */
  isOver(plan: PhasePlan): boolean {
    const { patience = Infinity } = this.#settings
    return (this.#course(plan)?.waited ?? 0) >= patience
  }

  /**
   * Remembers the weights of a step that has just been evaluated, where they are the best; gives the best back where the
   * phase ends.
   *
   * @returns whether they are the best
   */
  keepBest({ points, trainable }: Learner, plan: PhasePlan, step: number, ends: boolean): boolean {
    const best = this.bestStep(plan)
    if (best === undefined) return false
    if (best === step) points.remember('best', trainable)
    if (ends) {
      points.restore('best', trainable)
      points.forget('best')
    }
    return best === step
  }

  #course({ phase, part }: PhasePlan): BestCourse | undefined {
    const { bestMetric: metric, minDelta } = this.#settings
    const lines = this.#log.entries.filter(entry => entry.phase === phase && (entry.part ?? 1) === part + 1)
    return courseOf(lines, { metric, minDelta })
  }
}
