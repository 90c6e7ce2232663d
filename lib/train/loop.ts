import { setImmediate } from 'node:timers/promises'
import { BidoraError } from '../errors.ts'
import { scope } from '../tensor/index.ts'
import { LossWindow, type StepContext, type StepLosses } from './loss-window.ts'
import type { Learner, PhasePlan } from './plan.ts'
import type { Run } from './run.ts'

/**
 * Runs one phase: rounds of steps, each in a scope of its own, with one await in between so that messages, signals and
 * finalizers have their turn. Losses are read only where a line is logged or a checkpoint written.
 *
 * @throws BidoraError where a loss is not finite; AbortError (after a checkpoint) where the run is to stop.
 */
export async function runPhase(learner: Learner, run: Run, plan: PhasePlan): Promise<void> {
  const window = new LossWindow()
  try {
    let step = await run.begin(learner, plan, window)
    learner.setTraining(true)
    while (step < plan.steps) {
      const before = step
      const count = Math.min(plan.stepsPerRound, plan.steps - step)
      window.add(...round(learner, plan, window, step, count))
      step += count
      await setImmediate()
      if (await run.settle(before, step)) break
    }
    run.end()
  } finally {
    window.dispose()
    for (const level of Object.values(plan.levels)) level.dispose()
    learner.setTraining(false)
  }
}

function round(
  learner: Learner,
  plan: PhasePlan,
  window: LossWindow,
  step: number,
  count: number,
): [StepLosses, StepContext] {
  const { lower, upper } = plan.streams
  const lowerPlaces = Array.from({ length: count }, () => lower.next())
  const hasUpper = count === plan.stepsPerRound && step + count > (plan.upperDelaySteps ?? 0)
  const upperPlaces = hasUpper ? upper?.next() : undefined
  const { curvatureFraction } = plan
  const context: StepContext = {
    where: `${plan.phase}, step ${step + count}`,
    learningRate: plan.levels.lower.learningRate,
    examples: lowerPlaces.flat(),
  }
  try {
    const losses = scope(() => {
      const batchOf = (places: readonly number[]) => learner.batchOf(places, lower.partSize)
      const lowerBatches = lowerPlaces.map(batchOf)
      if (!upperPlaces) return plan.round({ lowerBatches })
      const upperBatch = learner.batchOf(upperPlaces, upper!.partSize)
      if (curvatureFraction === undefined) return plan.round({ lowerBatches, upperBatch })
      const curvatureBatch = batchOf(lower.sampleOf(lowerPlaces.at(-1)!, curvatureFraction))
      return plan.round({ lowerBatches, upperBatch, curvatureBatch })
    })
    return [losses, context]
  } catch (error) {
    // A loss that was no number a step ago is the likelier cause, and its sentence says more.
    window.read()
    if (error instanceof BidoraError) error.message = `${context.where}: ${error.message}`
    throw error
  }
}
