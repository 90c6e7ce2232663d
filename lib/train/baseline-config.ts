import { boolean, integer, number } from './field.ts'

/** Settings of the model that a single one of the methods reads, by the names of PEFT where it has them. Part of `config.ts`. */
export const BASELINE_FIELDS = {
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
} as const
