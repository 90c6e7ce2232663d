import { adaptedLayers, directionNorm, orthogonality } from '../../lib/adapters/index.ts'
import type { SequenceClassifier } from '../../lib/models/index.ts'
import { grad, memoryStats, onesLike, scope } from '../../lib/torch.ts'
import type { Watch } from './steps.ts'
import { seconds } from './work.ts'

/** Where the milliseconds of one step went. */
export interface Split {
  whole: number
  forward: number
  /** What is neither forward nor optimizer: traversals of the graph, and the arithmetic between them. */
  backward: number
  optimizer: number
  /** Wall time in which the process did not compute. */
  idle: number
  /** Calls through the addon that gave a tensor. */
  calls: number
}

/** What a step has to be made with, to be split, and what splits one. */
export function splitter(): { watch: Watch; split(step: () => unknown): Split } {
  const parts = { forward: 0, optimizer: 0 }
  const watch: Watch = (part, work) => {
    const start = performance.now()
    const result = work()
    parts[part] += performance.now() - start
    return result
  }
  const split = (step: () => unknown): Split => {
    Object.assign(parts, { forward: 0, optimizer: 0 })
    const [cpu, made] = [process.cpuUsage(), memoryStats().created]
    const whole = seconds(() => void step()) * 1e3
    const calls = memoryStats().created - made
    const { user, system } = process.cpuUsage(cpu)
    const { forward, optimizer } = parts
    const idle = Math.max(0, whole - (user + system) / 1e3)
    return { whole, forward, backward: whole - forward - optimizer, optimizer, idle, calls }
  }
  return { watch, split }
}

/**
 * Milliseconds of what a faithful round does for norms and the regulariser, by itself: the regulariser once with its
 * gradient, the norms of four forwards, each with its backward.
 */
export function normAndRegulariser(model: SequenceClassifier): number {
  const layers = [...adaptedLayers(model).values()]
  const factors = layers.flatMap(({ loraA, loraB }) => [loraA, loraB])
  const work = () => {
    scope(() => void grad(orthogonality(layers), factors))
    for (let evaluation = 0; evaluation < 4; evaluation++)
      scope(() => {
        const norms = layers.map(layer => directionNorm(layer))
        grad(norms, factors, { gradOutputs: norms.map(norm => onesLike(norm)) })
      })
  }
  return seconds(work) * 1e3
}
