import type { PhasePlan } from './plan.ts'
import type { Training } from './training.ts'

export interface UpperCourse {
  /** Places of the examples of the upper level. */
  readonly upperPlaces: readonly number[]
  /** Upper steps of the search, and those made by a lower step. */
  readonly upperSteps: number
  upperStepsBy(step: number): number
}

/**
 * Which point of a search is kept, by the setting `magnitudes`:
 *
 *     last      where the search ends; nothing has to be done
 *     best      magnitudes, directions and head where the loss over the whole upper part, without dropout, was lowest
 *               (the first of equal ones), looked at after every `chooseEvery` upper steps and at the end
 *     average   the mean of the magnitudes after each of the last upper steps; directions and head stay the last
 */
export function chooseMagnitudes(training: Training, course: UpperCourse): PhasePlan['settled'] {
  const { magnitudes } = training.settings
  if (magnitudes === 'best') return keepBest(training, course)
  if (magnitudes === 'average') return keepAverage(training, course)
  return undefined
}

function keepBest(training: Training, { upperPlaces, upperStepsBy }: UpperCourse): PhasePlan['settled'] {
  const { points, settings, trainable } = training
  const { upperBatchSize, upperAccumulation } = settings
  const onePass = Math.ceil(upperPlaces.length / (upperBatchSize * upperAccumulation))
  const every = settings.chooseEvery ?? onePass
  const looks = (step: number) => Math.floor(upperStepsBy(step) / every)
  return async (before, step, isLast) => {
    if (looks(step) > looks(before) || isLast) {
      const loss = await training.evaluate(upperPlaces)
      const best = points.number('chosen')
      if (best === undefined || loss < best) points.remember('chosen', trainable, loss)
    }
    if (!isLast) return
    points.restore('chosen', trainable)
    points.forget('chosen')
  }
}

function keepAverage(training: Training, { upperSteps, upperStepsBy }: UpperCourse): PhasePlan['settled'] {
  const { points, settings } = training
  const magnitudes = training.parametersOf('upper')
  const from = Math.min(upperSteps - 1, Math.floor(upperSteps * (1 - settings.averageFraction)))
  return async (_, step, isLast) => {
    // Counted, so that being asked twice adds once.
    if ((points.number('chosen') ?? 0) < upperStepsBy(step) - from) points.add('chosen', magnitudes)
    if (!isLast) return
    points.restoreMean('chosen', magnitudes)
    points.forget('chosen')
  }
}
