import { ConfigError } from '../errors.ts'
import { differentiatesTwice, hypergradientOf } from './hypergradient.ts'
import type { Level, NamedParameter } from './level.ts'
import { chooseMagnitudes } from './magnitudes.ts'
import type { PhasePlan } from './plan.ts'
import { roundOf, searchCost, type TakeRound } from './rounds.ts'
import type { LevelParts } from './split-levels.ts'
import type { Training } from './training.ts'

/** A search as the settings have it: its levels, what a round needs beside them, and the phase but for its rounds. */
export interface Search {
  readonly lower: Level
  readonly upper: Level
  readonly hypergradient: ReturnType<typeof hypergradientOf>
  readonly markLower: { readonly markLower?: Level['mark'] }
  readonly takeRound: TakeRound
  readonly plan: Omit<PhasePlan, 'round'>
}

/**
 * Makes levels, streams and plan of one search.
 *
 * @throws ConfigError where no upper step falls into it.
 */
export function searchOf(
  training: Training,
  { repeat, fold, parts }: { repeat: number; fold: number; parts: LevelParts },
): Search {
  const { settings } = training
  const { unrollSteps, upperDelaySteps, folds, rollBack } = settings
  const steps = searchSteps(training, parts.lower.length)
  /** Upper steps that are made by a lower step: one a round, once the round ends after the delay. */
  const upperStepsBy = (step: number) =>
    Math.max(0, Math.floor(step / unrollSteps) - Math.floor(upperDelaySteps / unrollSteps))
  const upperSteps = upperStepsBy(steps)
  if (upperSteps === 0) throw noUpperStep(steps, unrollSteps, upperDelaySteps)

  const part = repeat * folds + fold
  const named = (name: string) => (part === 0 ? name : `${name} ${part + 1}`)
  const lower = training.level(training.parametersOf('lower'), {
    learningRate: settings.lowerLearningRate,
    // Of the lower steps that are rolled back together, one stays and counts.
    steps: rollBack ? steps - upperSteps * (unrollSteps - 1) : steps,
    keepsGradients: settings.hypergradient === 'sama',
  })
  const upper = training.level(training.parametersOf('upper'), {
    learningRate: settings.upperLearningRate,
    steps: upperSteps,
    kind: settings.upperSchedule,
    warmupRatio: settings.upperWarmupRatio,
    magnitudeDecay: settings.upperWeightDecay,
    clip: settings.upperClip,
  })
  const { takeRound, curvature } = roundOf(settings)
  const settled = chooseMagnitudes(training, { upperPlaces: parts.upper, upperSteps, upperStepsBy })
  return {
    lower,
    upper,
    hypergradient: hypergradientOf(settings, lower),
    markLower: rollBack ? { markLower: lower.mark } : {},
    takeRound,
    plan: {
      phase: 'search',
      part,
      steps,
      stepsPerRound: unrollSteps,
      upperDelaySteps,
      ...curvature,
      laterSteps: laterSteps(training, parts.lower.length, { repeat, searches: fold + 1, retrained: false }),
      levels: { lower, upper },
      streams: {
        lower: training.stream(named('lower'), parts.lower),
        upper: training.stream(named('upper'), parts.upper, { isUpper: true }),
      },
      differentiatesTwice: differentiatesTwice(settings),
      ...(settled ? { settled } : {}),
    },
  }
}

/** The retraining as the settings have it: what moves in it, what of that begins anew, and which phase it is. */
export function retrainingOf(
  training: Training,
  { repeat, directions, magnitudes }: Record<'directions' | 'magnitudes', NamedParameter[]> & { repeat: number },
) {
  const { model, settings } = training
  const startOf = (parameter: NamedParameter[1]) =>
    model.isHead(parameter) ? settings.headFrom : settings.directionsFrom
  const { folds, lowerFraction } = settings
  const lowerRows = Math.round(training.rowCount * (folds > 1 ? 1 - 1 / folds : lowerFraction))
  return {
    phase: 'retrain',
    part: repeat,
    moving: settings.retrainMagnitudes ? [...directions, ...magnitudes] : directions,
    weightDecay: settings.retrainWeightDecay,
    restarting: directions.filter(([, parameter]) => startOf(parameter) === 'start'),
    laterSteps: laterSteps(training, lowerRows, { repeat, searches: folds, retrained: true }),
  } as const
}

function searchSteps(training: Training, lowerRows: number): number {
  const { searchSteps: steps, searchEpochs } = training.settings
  return steps ?? training.stepsOf(searchEpochs, lowerRows)
}

/** Steps that are still to come after a phase, in plain ones. */
function laterSteps(
  training: Training,
  lowerRows: number,
  done: { repeat: number; searches: number; retrained: boolean },
): number {
  const { search, retrain, folds, repeats } = training.settings
  const costOfSearch = search ? searchSteps(training, lowerRows) * searchCost(training.settings) : 0
  const costOfRetraining = retrain ? training.retrainSteps : 0
  const here = done.retrained ? 0 : (folds - done.searches) * costOfSearch + costOfRetraining
  return here + (repeats - done.repeat - 1) * (folds * costOfSearch + costOfRetraining)
}

function noUpperStep(steps: number, unrollSteps: number, upperDelaySteps: number): ConfigError {
  return new ConfigError(
    'CONFIG_NO_UPPER_STEP',
    `fit: expected at least one upper step in the search, got ${steps} lower steps with unrollSteps ${unrollSteps} and upperDelaySteps ${upperDelaySteps}; search longer, or lower the two`,
    { steps, unrollSteps, upperDelaySteps },
  )
}
