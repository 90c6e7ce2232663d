import { centralDifference } from '../../../lib/bilevel/central-difference.ts'
import { hypergradient, type MethodChoice, sharedStep, step } from '../../../lib/bilevel/index.ts'
import { upperGradients } from '../../../lib/bilevel/problem.ts'
import { Random, shuffle } from '../../../lib/data/random.ts'
import { manualSeed, scope, sub, type Tensor } from '../../../lib/torch.ts'
import { type LoadedBatch, loadBatch, type PlainBatch } from '../work.ts'
import { flat, minus, rowsOf } from './measure.ts'
import type { Problem } from './search.ts'

/** Hypergradients whose errors make a mean, where rows are drawn. */
export const SAMPLES = 8
const RADIUS = 0.01

/** The batches of a round, and others that might have come in the place of the lower one. */
export interface RoundData {
  lower: PlainBatch
  upper: PlainBatch
  others: readonly PlainBatch[]
}

/** A problem whose losses draw the masks of their own seeds, in whatever order they are evaluated. */
export type Seeded = Problem & { seeds: { lower: number; upper: number } }

export function seeded(problem: Problem): Seeded {
  const seeds = { lower: 5, upper: 6 }
  const from = <Result>(level: 'lower' | 'upper', loss: (batch: LoadedBatch) => Result) => {
    return (batch: LoadedBatch) => {
      manualSeed(seeds[level])
      return loss(batch)
    }
  }
  return {
    ...problem,
    seeds,
    lowerLoss: from('lower', problem.lowerLoss),
    upperLoss: from('upper', problem.upperLoss),
    coupledLoss: from('lower', problem.upperLoss), // the lower loss without its regulariser
  }
}

/** A kind of round. */
export interface Kind {
  /** Forward-backward passes over a whole batch. */
  passes: number
  /** Who makes the round, and by which method; `step` by finite-difference where left out. */
  take?: typeof step
  method?: MethodChoice
  /** Whether the hypergradient is made at the point before the lower step. */
  isBefore?: boolean
  /** Whether it has several hypergradients, of other rows and masks each. */
  varies?: boolean
  /** Part of the lower batch that its implicit term is taken on, and part of the upper batch that it takes. */
  curvature?: number
  upper?: number
  hypergradients(problem: Seeded, data: RoundData): number[][]
}

const byDifference = { method: 'finite-difference', radius: RADIUS } as const

/** The kinds by name. Where rows are drawn, each sample draws its own, and masks of its own. */
export const kinds: Record<string, Kind> = {
  faithful: {
    passes: 4,
    hypergradients: (problem, { lower, upper }) => [gradientsBy(byDifference, problem, lower, upper)],
  },
  ...Object.fromEntries([0.001, RADIUS, 0.1].map(radius => [`shared, radius ${radius}`, shared(radius)])),
  ...Object.fromEntries([1 / 2, 1 / 4, 1 / 8, 1 / 32].map(fraction => [`sampled ${fraction}`, sampled(fraction)])),
  'first-order': {
    passes: 2,
    method: { method: 'first-order' },
    hypergradients: (problem, { lower, upper }) => [gradientsBy({ method: 'first-order' }, problem, lower, upper)],
  },
  ...Object.fromEntries([1 / 2, 1 / 4].map(fraction => [`faithful, upper batch ${fraction}`, smallerUpper(fraction)])),
  'faithful, another lower batch': {
    passes: 4,
    varies: true,
    hypergradients: (problem, { upper, others }) => withImplicit(problem, upper, others),
  },
}

/** A whole round of a kind but for its optimisers, to be timed. */
export function roundOf(problem: Seeded, { lower, upper }: RoundData, kind: Kind): () => void {
  const { take = step, method = byDifference, curvature } = kind
  const part = (batch: PlainBatch, fraction: number) => loadBatch(samplesOf(batch, fraction)[0]!)
  const batches = {
    lowerBatches: [loadBatch(lower)],
    upperBatch: part(upper, kind.upper ?? 1),
    ...(curvature && { curvatureBatch: part(lower, curvature) }),
  }
  const moves = { updateLower: () => {}, updateUpper: () => {}, hypergradient: method }
  return () => void take(problem, batches, moves)
}

function gradientsBy(choice: MethodChoice, problem: Seeded, lower: PlainBatch, upper: PlainBatch): number[] {
  return scope(() =>
    flat(hypergradient(problem, { lowerBatch: loadBatch(lower), upperBatch: loadBatch(upper), ...choice })),
  )
}

/** The difference with each of these batches for its implicit term; what the upper batch gives is the same for all. */
function withImplicit(problem: Seeded, upper: PlainBatch, batches: readonly PlainBatch[]): number[][] {
  return scope(() => {
    const { vector, direct } = upperGradients(problem, loadBatch(upper))
    return eachSeed(problem, 'lower', batches, batch =>
      scope(() => {
        const implicit = centralDifference(problem, loadBatch(batch), vector, RADIUS)
        return flat(direct.map((g, i) => sub(g, implicit[i]!)))
      }),
    )
  })
}

function sampled(fraction: number): Kind {
  return {
    passes: 2 + 2 * fraction,
    varies: true,
    curvature: fraction,
    hypergradients: (problem, { lower, upper }) => withImplicit(problem, upper, samplesOf(lower, fraction)),
  }
}

function smallerUpper(fraction: number): Kind {
  return {
    passes: 3 + fraction,
    varies: true,
    upper: fraction,
    hypergradients: (problem, { lower, upper }) =>
      eachSeed(problem, 'upper', samplesOf(upper, fraction), part => gradientsBy(byDifference, problem, lower, part)),
  }
}

function shared(radius: number): Kind {
  const method = { method: 'finite-difference', radius } as const
  return {
    passes: 3,
    take: sharedStep,
    method,
    isBefore: true,
    hypergradients: (problem, { lower, upper }) => [
      scope(() => {
        let values: number[] = []
        const updateUpper = (gradients: readonly Tensor[]) => {
          values = flat(gradients)
        }
        const batches = { lowerBatches: [loadBatch(lower)], upperBatch: loadBatch(upper) }
        sharedStep(problem, batches, { updateLower: () => {}, updateUpper, hypergradient: method })
        return values
      }),
    ],
  }
}

/** The exact hypergradient, and what of it is its implicit term. */
export function exactOf(problem: Seeded, { lower, upper }: RoundData): { exact: number[]; implicit: number[] } {
  const [exact, direct] = (['exact', 'first-order'] as const).map(method =>
    gradientsBy({ method }, problem, lower, upper),
  ) as [number[], number[]]
  return { exact, implicit: minus(exact, direct) }
}

/** Rows drawn without replacement, so many times. */
function samplesOf(batch: PlainBatch, fraction: number): PlainBatch[] {
  const count = Math.max(1, Math.round(fraction * batch.labels.length))
  return Array.from({ length: SAMPLES }, (_, i) =>
    rowsOf(batch, shuffle(batch.labels.keys(), new Random(i, 'rows', count)).slice(0, count)),
  )
}

/** With other masks at a level for each; the seeds are as they were afterwards. */
function eachSeed<Result>(
  { seeds }: Seeded,
  level: 'lower' | 'upper',
  batches: readonly PlainBatch[],
  work: (batch: PlainBatch) => Result,
): Result[] {
  const before = seeds[level]
  try {
    return batches.map((batch, i) => {
      seeds[level] = 100 + i
      return work(batch)
    })
  } finally {
    seeds[level] = before
  }
}
