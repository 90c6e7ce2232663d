/**
 * Every setting of the library, declared once. Types, command line flags, `--help`, the saved JSON and the README's
 * table derive from this table; `settings.ts` checks what a user gives against it.
 */
import { ALLOCATION_FIELDS, BASELINE_FIELDS } from './baseline-config.ts'
import { BEST_METRICS } from './best.ts'
import {
  boolean,
  choice,
  type Field,
  integer,
  list,
  METHODS,
  type Method,
  number,
  pattern,
  text,
  weights,
} from './field.ts'
import { PRESET_NAMES } from './presets.ts'
import { SEARCH_FIELDS, SEARCHED, TWO_LEVELS } from './search-config.ts'

const ADAPTED = ['bidora', 'dora', 'lora', 'rslora'] as const
const DECOMPOSED = ['bidora', 'dora'] as const
/** What the authors' code does not read. */
const PUBLISHED = { compat: ['none'] } as const
const NO_FLOAT16 = { float16: 'its losses would have to be scaled' } as const

/** Settings of the model itself, given when it is made (`BiDoRA.fromPretrained`). */
export const MODEL_FIELDS = {
  task: choice({
    values: ['text-classification', 'token-classification'],
    later: ['text-generation'],
    default: 'text-classification',
    doc: 'What the model is tuned to do.',
  }),
  problemType: choice({
    values: ['single-label', 'regression', 'multi-label'],
    readWith: { task: ['text-classification'] },
    default: 'single-label',
    doc: 'One label a text, a number, or any number of labels.',
  }),
  labels: list({ defaultText: 'found in the training rows', doc: 'Names of the labels, in order.' }),
  method: choice({
    values: METHODS,
    default: 'bidora',
    doc: 'How the model is tuned.',
  }),
  compat: choice({
    methods: ['bidora'],
    values: ['none', 'official'],
    default: 'none',
    doc: "BiDoRA as published, or as its authors' code runs it: square weights transposed, the whole model trained, no scale, columns normalised, a start with deviation 1, no shuffling, fresh dropout masks in the hypergradient, another AdamW.",
  }),
  rank: integer({
    methods: [...ADAPTED, 'adalora', 'vera'],
    default: 8,
    defaults: { vera: 256 },
    min: 1,
    doc: 'Rank of the low-rank factors; for adalora the mean rank that is left in the end.',
  }),
  loraAlpha: number({
    readWith: PUBLISHED,
    methods: [...ADAPTED, 'adalora'],
    default: 16,
    min: 0,
    above: true,
    doc: 'Scale of the low-rank product: scaling = loraAlpha / rank, for rslora loraAlpha / sqrt(rank), for adalora loraAlpha / initialRank.',
  }),
  loraDropout: number({
    methods: [...ADAPTED, 'adalora', 'vera'],
    default: 0,
    min: 0,
    max: 0.99,
    doc: 'Dropout on the input of the low-rank product.',
  }),
  targetModules: list({
    methods: [...ADAPTED, 'adalora', 'vera', 'fourierft'],
    defaultText: 'those of PEFT for the model (BERT: query,value; GPT-2: c_attn)',
    doc: 'Names of the layers that are adapted: linear ones, and with bidora, dora, lora and rslora Conv1D and Embedding too.',
  }),
  rankPattern: pattern({
    readWith: PUBLISHED,
    methods: ADAPTED,
    defaultText: 'none',
    doc: "Other ranks for some layers, by regular expressions for the end of their path (PEFT's rank_pattern).",
  }),
  alphaPattern: pattern({
    readWith: PUBLISHED,
    methods: ADAPTED,
    defaultText: 'none',
    doc: "The same for loraAlpha (PEFT's alpha_pattern).",
  }),
  magnitudeAxis: choice({
    readWith: PUBLISHED,
    methods: DECOMPOSED,
    values: ['out', 'in'],
    default: 'out',
    doc: 'One magnitude per output (as DoRA and PEFT) or per input (the letter of the BiDoRA paper).',
  }),
  detachNorm: boolean({
    readWith: PUBLISHED,
    methods: DECOMPOSED,
    default: false,
    defaults: { dora: true },
    doc: 'Whether the norm is a constant for the gradient (as PEFT) or part of it.',
  }),
  ...BASELINE_FIELDS,
  device: text({
    default: 'auto',
    pattern: /^(auto|cpu|cuda(:\d+)?)$/,
    patternText: "'auto', 'cpu', 'cuda' or 'cuda:N'",
    doc: 'Where tensors live; auto takes the first CUDA device where there is one.',
  }),
  dtype: choice({
    values: ['float32', 'float64'],
    later: ['bfloat16', 'float16'],
    default: 'float32',
    doc: 'Type of weights and activations.',
  }),
  threads: integer({
    min: 1,
    free: true,
    defaultText: "libtorch's choice",
    doc: 'Processor threads of tensor operations.',
  }),
} as const

/** Settings of one training, given to `fit`. */
export const FIT_FIELDS = {
  ...SEARCH_FIELDS,
  ...ALLOCATION_FIELDS,
  retrainSteps: integer({
    readWith: { retrain: [true] },
    min: 1,
    defaultText: 'retrainEpochs',
    doc: 'Steps of the training on all examples.',
  }),
  retrainEpochs: number({
    readWith: { retrain: [true] },
    default: 3,
    min: 0,
    above: true,
    doc: 'Passes over all examples (also: epochs).',
  }),
  retrainLearningRate: number({
    default: 2e-3,
    defaults: { adalora: 2e-2, vera: 5e-2, fourierft: 1e-1, adapter: 3e-3, bitfit: 1e-3, full: 5e-5, head: 1e-2 },
    min: 0,
    doc: 'Learning rate of the training on all examples (also: learningRate).',
  }),
  batchSize: integer({ default: 32, min: 1, doc: 'Examples whose gradient is worked out at once.' }),
  accumulation: integer({
    default: 1,
    min: 1,
    doc: 'Batches whose gradients make one step together, as if they were one batch: a step sees batchSize times accumulation examples.',
  }),
  upperBatchSize: integer({
    methods: TWO_LEVELS,
    readWith: SEARCHED,
    min: 1,
    defaultText: 'half of batchSize with hypergradient first-order, else batchSize',
    doc: 'The same as batchSize for the upper level.',
  }),
  upperAccumulation: integer({
    methods: TWO_LEVELS,
    readWith: SEARCHED,
    default: 1,
    min: 1,
    doc: 'The same as accumulation for the upper level.',
  }),
  evalBatchSize: integer({ default: 64, min: 1, doc: 'Examples a batch where no gradient is needed.' }),
  lengthWindow: integer({
    default: 1,
    min: 1,
    doc: 'Texts are sorted by length among so many batches, which saves a little time and costs quality; 1: not at all.',
  }),
  schedule: choice({
    values: ['linear', 'cosine', 'constant'],
    default: 'linear',
    doc: 'How learning rates go on after the warm-up.',
  }),
  warmupRatio: number({ default: 0.1, min: 0, max: 1, doc: 'Part of the steps in which learning rates rise from 0.' }),
  upperSchedule: choice({
    methods: TWO_LEVELS,
    values: ['linear', 'cosine', 'constant'],
    readWith: SEARCHED,
    defaultText: 'schedule',
    doc: 'How the learning rate of the magnitudes goes on after its warm-up.',
  }),
  upperWarmupRatio: number({
    methods: TWO_LEVELS,
    readWith: SEARCHED,
    min: 0,
    max: 1,
    defaultText: 'warmupRatio',
    doc: 'Part of the upper steps in which the learning rate of the magnitudes rises from 0.',
  }),
  weightDecay: number({ default: 0.01, min: 0, doc: 'Decoupled weight decay of everything but magnitudes.' }),
  retrainWeightDecay: number({
    methods: TWO_LEVELS,
    readWith: { retrain: [true] },
    min: 0,
    defaultText: 'weightDecay',
    doc: 'The same in the retraining.',
  }),
  upperWeightDecay: number({
    methods: TWO_LEVELS,
    readWith: SEARCHED,
    default: 0,
    min: 0,
    doc: 'Weight decay of the magnitudes in the search.',
  }),
  clip: number({ default: 1, min: 0, doc: 'Largest norm of the gradient of one step; 0 switches clipping off.' }),
  upperClip: number({
    methods: TWO_LEVELS,
    readWith: SEARCHED,
    default: 1,
    min: 0,
    doc: 'Largest norm of the hypergradient; 0 switches clipping off.',
  }),
  adamBeta1: number({ default: 0.9, min: 0, max: 0.9999, doc: 'Decay of the first moment of AdamW.' }),
  adamBeta2: number({ default: 0.999, min: 0, max: 0.999999, doc: 'Decay of the second moment of AdamW.' }),
  adamEpsilon: number({ default: 1e-8, min: 0, above: true, doc: 'Term that keeps AdamW from dividing by zero.' }),
  orthogonality: number({
    methods: TWO_LEVELS,
    default: 1e-5,
    min: 0,
    doc: 'Weight of the regulariser that keeps directions orthogonal.',
  }),

  precision: choice({
    values: ['float32', 'bfloat16', 'bfloat16-frozen'],
    refused: NO_FLOAT16,
    default: 'float32',
    doc: 'Type that products are computed in: bfloat16 by autocast, bfloat16-frozen for those of frozen weights alone (on the CPU; predictions take float32), or float32 for the type of the weights themselves. Weights, losses and updates keep that in any case.',
  }),
  upperPrecision: choice({
    methods: TWO_LEVELS,
    readWith: SEARCHED,
    values: ['float32', 'bfloat16', 'bfloat16-frozen'],
    refused: NO_FLOAT16,
    defaultText: 'precision',
    doc: 'The same for the loss of the upper level.',
  }),
  gradientCheckpointing: boolean({
    default: false,
    doc: 'Whether activations within a layer are computed again in the backward instead of kept: less memory, one more forward.',
  }),
  classWeights: weights({
    defaultText: 'all 1',
    doc: 'Weights of the classes in the training loss, in the order of the labels; balanced: examples / (classes * examples of the class). For multi-label those of the positive examples of each label; balanced: negative / positive ones.',
  }),
  labelSmoothing: number({
    default: 0,
    min: 0,
    max: 0.99,
    doc: 'Part of the target that the training loss spreads evenly over all classes (multi-label: over yes and no).',
  }),
  loadBest: boolean({
    readWith: { retrain: [true] },
    default: false,
    doc: 'Whether the model ends with the weights that were best on the validation examples in the training on all examples, instead of the last; their checkpoint stays on disk.',
  }),
  bestMetric: choice({
    readWith: { retrain: [true] },
    values: BEST_METRICS,
    default: 'loss',
    doc: 'Score on the validation examples that loadBest and patience go by.',
  }),
  patience: integer({
    readWith: { retrain: [true] },
    min: 1,
    defaultText: 'never',
    doc: 'Evaluations in a row without a better bestMetric after which the training on all examples ends early.',
  }),
  minDelta: number({
    readWith: { retrain: [true] },
    default: 0,
    min: 0,
    doc: 'By how much a score must be better for patience.',
  }),

  limitTrain: integer({ min: 1, defaultText: 'all', doc: 'Take only the first so many training examples.' }),
  limitEval: integer({
    min: 1,
    defaultText: 'all',
    free: true,
    doc: 'Take only the first so many examples of an evaluation.',
  }),
  logEvery: integer({
    default: 10,
    min: 1,
    doc: 'Steps between two lines of metrics.jsonl and two reports of progress.',
  }),
  evalEvery: integer({
    default: 0,
    min: 0,
    doc: 'Steps between two evaluations on the validation examples; 0: only at the end.',
  }),
  saveEvery: integer({
    default: 100,
    min: 0,
    free: true,
    doc: 'Steps between two checkpoints; 0: only when stopped and at the end.',
  }),
  keepCheckpoints: integer({ default: 2, min: 1, free: true, doc: 'How many checkpoints stay on disk.' }),
  output: text({ free: true, defaultText: 'nothing is written', doc: 'Folder that the run is written to.' }),
  resume: boolean({
    default: false,
    free: true,
    doc: 'Go on from the last checkpoint in the output folder, if there is one.',
  }),
} as const

/** Settings that either call takes; what `fit` is given wins. */
export const SHARED_FIELDS = {
  preset: choice({
    values: PRESET_NAMES,
    note: "the paper's settings for other models and data sets are not published",
    doc: 'A named set of settings (README of train); settings given beside it win.',
  }),
  maxLength: integer({ default: 128, min: 2, doc: 'Longest text in tokens; longer ones are cut and counted.' }),
  stride: integer({
    readWith: { task: ['token-classification'] },
    min: 0,
    defaultText: 'a quarter of maxLength',
    doc: 'Tokens that the windows share in which longer sentences are read: nothing of them is cut.',
  }),
  seed: integer({ default: 0, min: 0, doc: 'Seed of start values, order, split and dropout.' }),
} as const

/** All settings by name. */
export const FIELDS = { ...MODEL_FIELDS, ...SHARED_FIELDS, ...FIT_FIELDS } as const

type ValueOf<F> = F extends Field<infer T> ? T : never
type ValuesOf<F> = { readonly [K in keyof F]: ValueOf<F[K]> }
type GivenOf<F> = { readonly [K in keyof F]?: ValueOf<F[K]> | undefined }

export type FieldName = keyof typeof FIELDS

/** All settings with defaults filled in; one that has no default may be undefined. */
export type Settings = ValuesOf<typeof FIELDS> & { readonly [K in Derived]: NonNullable<ValueOf<(typeof FIELDS)[K]>> }
/** Settings whose default is another setting. */
type Derived = keyof typeof DERIVED
export type ModelSettings = ValuesOf<typeof MODEL_FIELDS & typeof SHARED_FIELDS>

/** Settings as a user gives them: any subset. */
export type GivenModelSettings = GivenOf<typeof MODEL_FIELDS & typeof SHARED_FIELDS>
export type GivenFitSettings = GivenOf<typeof FIT_FIELDS & typeof SHARED_FIELDS>

/** Settings that are what another one is, or follow from others, where they are not given. */
export const DERIVED = {
  lowerLearningRate: 'retrainLearningRate',
  retrainWeightDecay: 'weightDecay',
  stepSize: 'lowerLearningRate',
  headFrom: 'directionsFrom',
  upperBatchSize: ({ hypergradient, batchSize }: Pick<ValuesOf<typeof FIT_FIELDS>, 'hypergradient' | 'batchSize'>) =>
    hypergradient === 'first-order' ? Math.ceil(batchSize / 2) : batchSize,
  upperSchedule: 'schedule',
  upperWarmupRatio: 'warmupRatio',
  upperPrecision: 'precision',
} as const satisfies Partial<
  Record<keyof typeof FIT_FIELDS, keyof typeof FIT_FIELDS | ((settings: ValuesOf<typeof FIT_FIELDS>) => unknown)>
>

/** Short names that stand for a longer one. */
export const ALIASES = { epochs: 'retrainEpochs', learningRate: 'retrainLearningRate' } as const satisfies Record<
  string,
  FieldName
>

/** The full name of what may be a short one. */
export function fullName(key: string): string {
  return Object.hasOwn(ALIASES, key) ? ALIASES[key as keyof typeof ALIASES] : key
}

/** Settings that say the same in two ways: where one outweighs what was given before it, the other is outweighed too. */
export const RIVALS: Readonly<Record<string, FieldName>> = {
  searchSteps: 'searchEpochs',
  searchEpochs: 'searchSteps',
  retrainSteps: 'retrainEpochs',
  retrainEpochs: 'retrainSteps',
}

export type { Method }
