import { TorchError } from '../errors.ts'
import type { OnBreakdown } from './options.ts'

/** How a series for the inverse Hessian went: plain numbers. */
export interface Diagnostics {
  /**
   * Norm of the residual relative to ||v||: 1 at the start, then after every term or iteration. Of the conjugate
   * gradient the residual of its solution; of the Neumann series the last term added.
   */
  residuals: number[]
  /** Where the series broke down; left out where it did not. */
  breakdown?: Breakdown
}

export interface Breakdown {
  /** A residual that grew: the series diverges. Or a direction without positive curvature: no minimum to go to. */
  kind: 'residual-grows' | 'no-curvature'
  /** The term or iteration, counted from 1. */
  at: number
  /** One sentence. */
  message: string
}

/** Problems whose breakdown has been warned of: a search breaks down at every step, or at none. */
const warned = new WeakSet<object>()

/** Says once a problem what broke down and what was done about it; throws where that is what was asked for. */
export function reportBreakdown(problem: object, method: string, breakdown: Breakdown, onBreakdown: OnBreakdown): void {
  if (onBreakdown === 'throw')
    throw new TorchError('HYPERGRADIENT_BREAKDOWN', `${method}: ${breakdown.message}`, { method, ...breakdown })
  if (warned.has(problem)) return
  warned.add(problem)
  const done = onBreakdown === 'keep' ? 'what it gave is kept' : 'the direct gradient alone is taken'
  process.emitWarning(`${method}: ${breakdown.message}; ${done} (onBreakdown '${onBreakdown}')`, {
    type: 'BidoraWarning',
    code: 'HYPERGRADIENT_BREAKDOWN',
  })
}

/** The error for numbers that are not finite. */
export function notFinite(method: string, what: string, details: Record<string, unknown>): TorchError {
  return new TorchError(
    'HYPERGRADIENT_NOT_FINITE',
    `hypergradient: expected finite numbers, got ${what} with method '${method}'; lower the learning rates or look for a faulty batch`,
    { method, ...details },
  )
}
