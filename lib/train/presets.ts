import type { Method } from './field.ts'
import type { GivenFitSettings, GivenModelSettings } from './config.ts'

/** A named set of settings. */
export type Preset = GivenModelSettings & GivenFitSettings

/** What differs between the published scripts, in the order of their table; the last three are of the retraining. */
type Script = readonly [
  maxLength: number,
  batchSize: number,
  lowerLearningRate: number,
  upperLearningRate: number,
  weightDecay: number,
  upperWeightDecay: number,
  searchSteps: number,
  /** Whether the script retrains; where it does not, it may still have values for that. */
  retrain: boolean,
  retrainLearningRate?: number,
  retrainSteps?: number,
  /** That of the search where it is left out. */
  retrainWeightDecay?: number,
]

/** The sixteen scripts of t2ance/BiDoRA (e7922af): RoBERTa on GLUE. */
const SCRIPTS = {
  'roberta-base-cola': [512, 32, 5e-5, 5e-5, 0.1, 0.1, 20_000, true, 3e-5, 30_000],
  'roberta-base-mnli': [512, 32, 5e-5, 5e-5, 0.1, 0.1, 30_000, true, 7e-5, 40_000],
  'roberta-base-mrpc': [512, 32, 2e-5, 2e-5, 0.1, 0.1, 28_000, false],
  'roberta-base-qnli': [512, 32, 2e-5, 2e-5, 0.1, 0, 20_000, false],
  'roberta-base-qqp': [512, 32, 5e-5, 5e-5, 0.1, 0.1, 30_000, true, 5e-5, 30_000],
  'roberta-base-rte': [512, 32, 1e-5, 1e-5, 0.1, 0.1, 15_000, true, 3e-5, 15_000],
  'roberta-base-sst2': [512, 32, 1e-5, 1e-5, 0.12, 0, 12_000, false],
  'roberta-base-stsb': [512, 32, 1e-5, 1e-5, 0.1, 0.01, 12_000, false],
  'roberta-large-cola': [128, 32, 1e-5, 1e-5, 1, 1, 20_000, true, 1e-5, 40_000, 1],
  'roberta-large-mnli': [128, 32, 1e-5, 1e-5, 0.5, 0.5, 55_000, false, 3e-5, 50_000],
  'roberta-large-mrpc': [128, 32, 1e-5, 1e-5, 0, 0, 40_000, false, 1e-5, 30_000, 0.2],
  'roberta-large-qnli': [128, 64, 1e-5, 1e-5, 0.5, 0.5, 60_000, false, 2e-5, 60_000, 0.3],
  'roberta-large-qqp': [128, 32, 1e-5, 1e-5, 0.5, 0.5, 50_000, false, 2e-5, 60_000],
  'roberta-large-rte': [128, 32, 1e-5, 1e-5, 0.5, 0.5, 15_000, true, 1e-5, 30_000, 0.3],
  'roberta-large-sst2': [128, 32, 1e-5, 1e-5, 0.5, 0.5, 20_000, false, 3e-5, 20_000, 1],
  'roberta-large-stsb': [128, 32, 1e-5, 1e-5, 0.5, 0.5, 14_000, false, 3e-5, 30_000],
} as const satisfies Readonly<Record<string, Script>>

/**
 * What all sixteen have in common. Their alpha of 8 is not used by their code: the scale is 1, which is loraAlpha 4 at
 * rank 4. The axis is that of the formula and of their code.
 */
const COMMON = {
  rank: 4,
  loraAlpha: 4,
  loraDropout: 0,
  magnitudeAxis: 'in',
  detachNorm: false,
  hypergradient: 'finite-difference',
  round: 'faithful',
  radius: 0.01,
  unrollSteps: 1,
  lowerFraction: 0.8,
  schedule: 'linear',
  warmupRatio: 0.1,
  clip: 0,
  upperClip: 0,
  adamBeta1: 0.9,
  adamBeta2: 0.98,
  adamEpsilon: 1e-6,
  orthogonality: 1e-5,
} as const satisfies Preset

function presetOf([
  maxLength,
  batchSize,
  lowerLearningRate,
  upperLearningRate,
  weightDecay,
  upperWeightDecay,
  searchSteps,
  retrain,
  ...[retrainLearningRate, retrainSteps, retrainWeightDecay]
]: Script): Preset {
  return {
    ...COMMON,
    ...{
      maxLength,
      batchSize,
      searchSteps,
      lowerLearningRate,
      upperLearningRate,
      weightDecay,
      upperWeightDecay,
      retrain,
    },
    // Read where there is a retraining: as published, by `retrain: true`, or by a method of one level.
    ...(retrainSteps !== undefined && { retrainLearningRate, retrainSteps }),
    ...(retrainWeightDecay !== undefined && { retrainWeightDecay }),
  }
}

/** Methods that the scripts' rank and scale are for. */
const OF_RANK = ['bidora', 'dora', 'lora', 'rslora']

/**
 * What a preset says to a method: one of a single level trains on all examples as the scripts retrain, and one that makes
 * something else of a rank keeps its own.
 */
export function presetFor(preset: Preset, method: Method): Preset {
  const { rank, loraAlpha, weightDecay, retrainWeightDecay = weightDecay, ...rest } = preset
  const decay = method === 'bidora' ? { weightDecay, retrainWeightDecay } : { weightDecay: retrainWeightDecay }
  return { ...rest, ...(OF_RANK.includes(method) ? { rank, loraAlpha } : {}), ...decay }
}

type PresetName = 'paper' | keyof typeof SCRIPTS

/** The names of the presets. */
export const PRESET_NAMES = [
  'paper',
  ...(Object.keys(SCRIPTS) as (keyof typeof SCRIPTS)[]),
] as const satisfies PresetName[]

/**
 * Named sets of settings, by name: the published scripts, and `paper`, which is the method as published with the
 * lengths and rates of the first of them (RoBERTa-base on CoLA). What the paper ran on other models and data sets with,
 * and its other methods, is not published.
 */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  paper: presetOf(SCRIPTS['roberta-base-cola']),
  ...(Object.fromEntries(Object.entries(SCRIPTS).map(([name, script]) => [name, presetOf(script)])) as Record<
    keyof typeof SCRIPTS,
    Preset
  >),
}
