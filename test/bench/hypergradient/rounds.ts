import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AdamW } from '../../../lib/optim/index.ts'
import { grad, scope } from '../../../lib/torch.ts'
import { root } from '../../parity/golden.ts'
import { loadBatch, makeBatches, seconds } from '../work.ts'
import { exactOf, type Kind, kinds, type RoundData, SAMPLES, type Seeded, seeded, roundOf } from './kinds.ts'
import { cut, dot, length, minus } from './measure.ts'
import { adamSettings, makeProblem, POINTS, type Point, pointsOf, SEARCH, tensorLike } from './search.ts'

const resultsFile = join(root, 'test/bench/results/hypergradient-rounds.jsonl')
/** Raised when a change alters the numbers. */
const VERSION = 1
/** Examples of a batch: enough for a 32nd of it. The search has seen none of them. */
const ROWS = 32
const SEEN = 2 * SEARCH.steps * SEARCH.batchSize
const TURNS = 5
const PRECISIONS = ['float64', 'float32'] as const
type Precision = (typeof PRECISIONS)[number]

/** One line of the results: errors to e, the exact hypergradient in float64 at the point after the lower step. */
export interface RoundLine {
  version: number
  point: string
  dropout: boolean
  precision: Precision
  /** The kind of round with what tells it from its like, as 'sampled 0.125'. */
  kind: string
  /** So many hypergradients g, which the three means below are made of. */
  samples: number
  /** || g - e || / || e || */
  error: number
  /** The same over the norm of e's implicit term. */
  implicitError: number
  cosine: number
  /** Of the mean of several samples, over the norm of e's implicit term. */
  errorOfMean?: number
  /** Of a shared round: to the exact hypergradient of its own point, over the implicit term there. */
  ownError?: number
  /** Forward-backward passes over a whole batch: counted, and by their time at one of the points. */
  passes: number
  timedPasses?: number
}

type Key = Pick<RoundLine, 'version' | 'point' | 'dropout' | 'precision' | 'kind'>
const keyOf = ({ version, point, dropout, precision, kind }: Key) => [version, point, dropout, precision, kind].join()

export function readRounds(): RoundLine[] {
  if (!existsSync(resultsFile)) return []
  const lines = readFileSync(resultsFile, 'utf8').split('\n').slice(0, -1) // what was cut off is measured again
  return lines.map(line => JSON.parse(line) as RoundLine).filter(({ version }) => version === VERSION)
}

/**
 * How far the hypergradient of every kind of round is from the exact one of the published round, which is made of both
 * whole batches after the lower step. A round of 32 examples begins at each of the three points of the search.
 *
 * @param data Folder of the data sets.
 */
export async function measureRounds(data: string | undefined): Promise<void> {
  const found = new Set(readRounds().map(keyOf))
  const missing = (point: string, dropout: boolean, precision: Precision) =>
    kindsIn(precision).filter(([kind]) => !found.has(keyOf({ version: VERSION, point, dropout, precision, kind })))
  const cells = Object.keys(POINTS).flatMap(point =>
    [false, true].flatMap(dropout => PRECISIONS.flatMap(precision => missing(point, dropout, precision))),
  )
  console.log(`${cells.length} of rounds to measure`)
  if (cells.length === 0) return
  const batches = (await makeBatches(shape, SEEN / ROWS + 6 + SAMPLES, data)).slice(SEEN / ROWS).map(cut)
  const [reference, trained] = PRECISIONS.map(precision => seeded(makeProblem(precision))) as [Seeded, Seeded]
  for (const [place, point] of (await pointsOf(data)).entries()) {
    const round: RoundData = { lower: batches[2 * place]!, upper: batches[2 * place + 1]!, others: batches.slice(6) }
    for (const dropout of [false, true]) {
      for (const problem of [reference, trained]) problem.dropout(dropout)
      reference.set(point.values)
      const own = exactOf(reference, round)
      const after = afterLowerStep(reference, point, round)
      reference.set(after)
      const wanted = exactOf(reference, round)
      for (const [precision, problem] of [
        [PRECISIONS[0], reference],
        [PRECISIONS[1], trained],
      ] as const) {
        const isTimed = precision === 'float32' && point.name === 'middle' && !dropout // the time is the same elsewhere
        const timed = isTimed ? timedPasses(problem, round) : {}
        for (const [kind, how] of missing(point.name, dropout, precision)) {
          problem.set(how.isBefore ? point.values : after)
          const line: RoundLine = {
            ...{ version: VERSION, point: point.name, dropout, precision, kind },
            ...errorsOf(how, problem, round, wanted, own),
            passes: how.passes,
            ...(kind in timed && { timedPasses: timed[kind] }),
          }
          appendFileSync(resultsFile, `${JSON.stringify(line)}\n`)
          console.log(JSON.stringify(line))
        }
      }
    }
  }
  for (const problem of [reference, trained]) problem.dispose()
}

/** Where batches vary, their difference hides that of the precisions. */
const kindsIn = (precision: Precision) =>
  Object.entries(kinds).filter(([, { varies }]) => precision === 'float32' || !varies)

const shape = { name: 'SST-2', dataset: 'sst2', batchSize: ROWS }

type Exact = ReturnType<typeof exactOf>

function errorsOf(how: Kind, problem: Seeded, round: RoundData, { exact, implicit }: Exact, own: Exact) {
  const all = how.hypergradients(problem, round)
  const mean = (values: readonly number[]) => values.reduce((total, value) => total + value, 0) / values.length
  const differences = all.map(one => length(minus(one, exact)))
  const middle = exact.map((_, i) => mean(all.map(one => one[i]!)))
  return {
    samples: all.length,
    error: mean(differences) / length(exact),
    implicitError: mean(differences) / length(implicit),
    cosine: mean(all.map(one => dot(one, exact) / length(one) / length(exact))),
    ...(all.length > 1 && { errorOfMean: length(minus(middle, exact)) / length(implicit) }),
    ...(how.isBefore && { ownError: length(minus(all[0]!, own.exact)) / length(own.implicit) }),
  }
}

/** Least times of all kinds, in turn, over that of a pass of the lower loss. */
function timedPasses(problem: Seeded, round: RoundData): Record<string, number> {
  return scope(() => {
    const batch = loadBatch(round.lower)
    const pass = () => void grad(problem.lowerLoss(batch), [...problem.lowerParameters])
    const names = Object.keys(kinds)
    const works = [pass, ...Object.values(kinds).map(kind => roundOf(problem, round, kind))]
    const least = works.map(() => Number.POSITIVE_INFINITY)
    for (let turn = 0; turn < TURNS; turn++)
      works.forEach(
        (work, i) =>
          (least[i] = Math.min(
            least[i]!,
            seconds(() => scope(work)),
          )),
      )
    return Object.fromEntries(names.map((name, i) => [name, least[i + 1]! / least[0]!]))
  })
}

/** Values after the next lower step of the search, on the batch of the round. */
function afterLowerStep(problem: Seeded, { name, values, adam }: Point, { lower }: RoundData): Point['values'] {
  const { lowerParameters, lowerNames } = problem
  const { learningRate, betas, eps } = adamSettings
  const optimizer = new AdamW([{ parameters: lowerParameters, learningRate }], { betas, eps })
  return scope(() => {
    const moments = Object.entries({ expAvg: adam.expAvg, expAvgSq: adam.expAvgSq }).flatMap(([moment, lists]) =>
      lists.map((list, i) => [`${i}.${moment}`, tensorLike(lowerParameters[i]!, list)] as const),
    )
    const steps = lowerParameters.map((_, i) => [`${i}.step`, POINTS[name]] as const)
    optimizer.load({ tensors: Object.fromEntries(moments), numbers: Object.fromEntries(steps) })
    optimizer.step(grad(problem.lowerLoss(loadBatch(lower)), [...lowerParameters]))
    optimizer.dispose()
    const moved = lowerNames.map((path, i) => [path, Float32Array.from(lowerParameters[i]!.data() as Float64Array)])
    return { ...values, ...(Object.fromEntries(moved) as Point['values']) }
  })
}
