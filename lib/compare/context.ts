import type { ComparePlan } from './plan.ts'
import type { CompareOptions, CompareProgress } from './types.ts'

/** What the steps of a comparison share. */
export interface CompareContext {
  readonly options: CompareOptions
  readonly plan: ComparePlan
  readonly base: string
  readonly output: string
  /** Aborted by the user's signal, or by a callback that throws. */
  readonly signal: AbortSignal
  readonly report: (progress: CompareProgress) => void
}
