import type { CompareVariant } from '../../../lib/compare.ts'

// The study of where BiDoRA pays. Stages in order: what a stage tries follows from the one before, every choice is made
// by rows held out of the official training part, and `confirm` alone reads the official dev sets (spamassassin: its
// test part), with seeds that no choice has seen.

/** A data set cut to so many training rows. */
export interface StudyCell {
  dataset: string
  rows: 100 | 300 | 1000 | 3000
}

export interface Stage {
  name: string
  /** What it answers, for the page. */
  question: string
  cells: readonly StudyCell[]
  seeds: readonly number[]
  /**
   * Training rows that are read: `rows` of them train, the others score. Left out: the official dev set scores, and
   * exactly `rows` are read.
   */
  readFrom?: number
  /** Settings that all contenders share beside the common ones. */
  shared?: CompareVariant
  /** By name; the first is what the others are held against. */
  contenders: (cell: StudyCell) => Readonly<Record<string, CompareVariant>>
}

/** Passes over the rows, so that small sets get steps enough (80, 100, 160, 282 of 32 rows); the same for all methods. */
export const epochsOf = (rows: StudyCell['rows']): number => ({ 100: 20, 300: 10, 1000: 5, 3000: 3 })[rows]

/** Longest text in tokens. */
export const maxLengthOf = (dataset: string): number => (dataset === 'rte' ? 128 : 64)

/** What every run shares. */
export const common = { batchSize: 32, rank: 8, loraAlpha: 16 } as const

const queryValue = ['query', 'value']
const allLinear = ['all-linear']
/** The cheapest round that gave the faithful one's quality or better (`../quality`). */
const cheapRound = { hypergradient: 'first-order', upperBatchSize: 16 } as const
const screened: readonly StudyCell[] = [
  { dataset: 'sst2', rows: 300 },
  { dataset: 'stsb', rows: 300 },
  { dataset: 'mrpc', rows: 300 },
  { dataset: 'spamassassin', rows: 300 },
]

function rates(methods: readonly ('lora' | 'dora' | 'bidora')[], cell: StudyCell): Record<string, CompareVariant> {
  const tried = [
    { targets: 'qv', targetModules: queryValue, rates: [1e-3, 3e-3, 1e-2] },
    { targets: 'all', targetModules: allLinear, rates: [3e-4, 1e-3, 3e-3] },
  ]
  return Object.fromEntries(
    methods.flatMap(method =>
      tried.flatMap(({ targets, targetModules, rates }) =>
        rates.map(learningRate => [
          `${method}-${targets}-${learningRate}`,
          {
            method,
            targetModules,
            learningRate,
            ...(method === 'bidora' ? { ...cheapRound, searchEpochs: epochsOf(cell.rows) / 2 } : {}),
          },
        ]),
      ),
    ),
  )
}

export const stages: readonly Stage[] = [
  {
    name: 'rates',
    question: 'Which learning rate and which layers serve each method best?',
    cells: screened,
    seeds: [100],
    readFrom: 1000,
    shared: { precision: 'bfloat16-frozen' },
    contenders: cell => rates(['lora', 'dora', 'bidora'], cell),
  },
]
