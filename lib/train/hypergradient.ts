import type { MethodChoice } from '../bilevel/index.ts'
import type { Settings } from './config.ts'
import type { Level } from './level.ts'

/** Methods that differentiate the lower loss twice. */
const TWICE: readonly Settings['hypergradient'][] = ['exact', 'neumann', 'conjugate-gradient', 'unrolled']

export function differentiatesTwice({ hypergradient }: Settings): boolean {
  return TWICE.includes(hypergradient)
}

/** The method of the upper gradient with the options that it reads; `sama` asks the lower level after its step. */
export function hypergradientOf(settings: Settings, lower: Level): MethodChoice | (() => MethodChoice) {
  const { hypergradient: method, radius, way, terms, stepSize, iterations, damping, tolerance, onBreakdown } = settings
  switch (method) {
    case 'finite-difference':
      return { method, radius }
    case 'exact':
      return { method, way }
    case 'neumann':
      return { method, terms, stepSize, onBreakdown }
    case 'conjugate-gradient':
      return { method, iterations, damping, tolerance, onBreakdown }
    case 'unrolled':
      return { method, learningRate: stepSize }
    case 'sama':
      return () => ({ method, radius, optimizerState: lower.lastStep() })
    default:
      return { method }
  }
}
