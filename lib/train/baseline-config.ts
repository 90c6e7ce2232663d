import { boolean, choice, integer, number } from './field.ts'

/** Settings of the model that a single one of the methods reads, by the names of PEFT where it has them. Part of `config.ts`. */
export const BASELINE_FIELDS = {
  initialRank: integer({
    methods: ['adalora'],
    default: 12,
    min: 1,
    doc: 'Rank of each layer before ranks are taken away.',
  }),
  projectionPrngKey: integer({
    methods: ['vera'],
    default: 0,
    min: 0,
    doc: 'Seed that the frozen projections are drawn from, as PEFT draws them.',
  }),
  saveProjection: boolean({
    methods: ['vera'],
    default: true,
    doc: 'Whether the saved adapter holds the projections, or leaves them to their seed.',
  }),
  dInitial: number({ methods: ['vera'], default: 0.1, doc: 'Start of every element of lambda d.' }),
  nFrequency: integer({
    methods: ['fourierft'],
    default: 1000,
    min: 1,
    doc: 'Fourier coefficients that are trained in each layer.',
  }),
  randomLocSeed: integer({
    methods: ['fourierft'],
    default: 777,
    min: 0,
    doc: 'Seed that says which coefficients they are, as PEFT draws them.',
  }),
  scaling: number({
    methods: ['fourierft'],
    default: 150,
    doc: 'What the change of the weight is multiplied by.',
  }),
  adapterKind: choice({
    methods: ['adapter'],
    values: ['houlsby', 'pfeiffer'],
    default: 'houlsby',
    doc: 'Bottlenecks after both halves of each layer (Houlsby) or after the feed-forward half alone (Pfeiffer).',
  }),
  reductionFactor: number({
    methods: ['adapter'],
    default: 16,
    min: 1,
    doc: 'How many times fewer features a bottleneck has than its layer.',
  }),
  adapterActivation: choice({
    methods: ['adapter'],
    values: ['silu', 'relu', 'gelu', 'tanh'],
    default: 'silu',
    defaultWith: { adapterKind: { pfeiffer: 'relu' } },
    doc: 'Activation within a bottleneck.',
  }),
} as const

const importanceDecay = { methods: ['adalora'], default: 0.85, min: 0, above: true, max: 0.9999 } as const

/** How AdaLoRA takes ranks away, by PEFT's names. Part of `config.ts`. */
export const ALLOCATION_FIELDS = {
  tinit: integer({ methods: ['adalora'], default: 0, min: 0, doc: 'Steps at the start in which no rank is taken.' }),
  tfinal: integer({
    methods: ['adalora'],
    default: 0,
    min: 0,
    doc: 'Steps at the end in which ranks stay as they are.',
  }),
  deltaT: integer({ methods: ['adalora'], default: 1, min: 1, doc: 'Steps between two allocations of ranks.' }),
  importanceBeta1: number({ ...importanceDecay, doc: 'Decay of the smoothed importance.' }),
  importanceBeta2: number({ ...importanceDecay, doc: 'Decay of its uncertainty.' }),
  orthRegWeight: number({
    methods: ['adalora'],
    default: 0.5,
    min: 0,
    doc: 'Weight of the term that keeps the factors orthogonal.',
  }),
} as const
