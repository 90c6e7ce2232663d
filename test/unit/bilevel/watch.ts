import { type Diagnostics, hypergradient, type MethodChoice } from '../../../lib/bilevel/index.ts'
import type { matrixProblem } from './matrix-problem.ts'

/** Runs a method on a matrix problem; gives what it takes for H^-1 v, its diagnostics, and the warnings it makes. */
export function watch(problem: ReturnType<typeof matrixProblem>, choice: MethodChoice) {
  const warnings: { message: string; type: string | undefined }[] = []
  const { emitWarning } = process
  let diagnostics: Diagnostics | undefined
  process.emitWarning = ((message: string, options?: { type?: string }) =>
    void warnings.push({ message, type: options?.type })) as typeof process.emitWarning
  try {
    const onDiagnostics = (record: Diagnostics) => (diagnostics = record)
    const [gradient] = hypergradient(problem, { lowerBatch: null, upperBatch: null, onDiagnostics, ...choice })
    const inverseProduct = (gradient!.to({ dtype: 'float64' }).tolist() as number[]).map(value => value - 1)
    return { inverseProduct, diagnostics: diagnostics!, warnings }
  } finally {
    process.emitWarning = emitWarning
  }
}
