// node dist/test/bench/hypergradient/run.js [DATA FOLDER]
// How far every hypergradient method is from the exact one, at three points of a real search; then (rounds.ts) how far
// every kind of round is. Lines that are there are kept; a line is one method at one point. A few minutes on one core
// each, of which the search is half.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Diagnostics, hypergradient, type MethodChoice } from '../../../lib/bilevel/index.ts'
import {
  add,
  clone,
  copy_,
  getRngState,
  grad,
  manualSeed,
  noGrad,
  scope,
  setNumThreads,
  setRngState,
  sub,
  type Tensor,
} from '../../../lib/torch.ts'
import { root } from '../../parity/golden.ts'
import { type LoadedBatch, loadBatch } from '../work.ts'
import { cut, dot, flat, length, minus, timeOf } from './measure.ts'
import { measureRounds } from './rounds.ts'
import {
  adamSettings,
  makeProblem,
  type Point,
  pointsOf,
  type Precision,
  type Problem,
  SEARCH,
  tensorLike,
} from './search.ts'

export const resultsFile = join(root, 'test/bench/results/hypergradient-error.jsonl')
/** Raised when a change alters the numbers. */
const VERSION = 1
const RADII = [1e-4, 1e-3, 1e-2, 1e-1, 1]

/** One line of the results. */
export interface ErrorLine {
  version: number
  point: string
  dropout: boolean
  precision: Precision
  /** The method with what tells it from its like, as 'finite-difference 0.01'. */
  method: string
  /** || g - e || / || e ||, e the exact hypergradient in float64. */
  error: number
  /** The same over the norm of e's implicit term: 1 is what leaving the term out costs. */
  implicitError: number
  cosine: number
  /** || g - f || / || f ||, f what the same method gives in float64: rounding alone. */
  rounding: number
  /** Losses that were evaluated. */
  losses: number
  /** Time over that of a forward with backward of the lower loss, at one of the points. */
  passes?: number
  /** Where a series broke down. */
  breakdown?: number
}

type Key = Pick<ErrorLine, 'version' | 'point' | 'dropout' | 'precision' | 'method'>
const keyOf = ({ version, point, dropout, precision, method }: Key) =>
  [version, point, dropout, precision, method].join()

export function readLines(): ErrorLine[] {
  if (!existsSync(resultsFile)) return []
  const lines = readFileSync(resultsFile, 'utf8').split('\n').slice(0, -1) // what was cut off is measured again
  return lines.map(line => JSON.parse(line) as ErrorLine).filter(({ version }) => version === VERSION)
}

type Loaded = Omit<Point, 'lowerBatch' | 'upperBatch'> & { lowerBatch: LoadedBatch; upperBatch: LoadedBatch }
type Compute = (problem: Problem, point: Loaded) => Tensor[]

const last: { diagnostics?: Diagnostics } = {}
const breakdown = () => last.diagnostics?.breakdown?.at

const by =
  (choice: MethodChoice | ((problem: Problem, point: Loaded) => MethodChoice)): Compute =>
  (problem, point) =>
    hypergradient(problem, {
      lowerBatch: point.lowerBatch,
      upperBatch: point.upperBatch,
      onDiagnostics: found => {
        last.diagnostics = found
      },
      ...(typeof choice === 'function' ? choice(problem, point) : choice),
    })

/** The central difference with every product in the type that the losses ask for: what the engine does not do. */
const unguarded =
  (radius: number): Compute =>
  (problem, { lowerBatch, upperBatch }) => {
    const { lowerParameters, upperParameters } = problem
    const all = grad(problem.upperLoss(upperBatch), [...lowerParameters, ...upperParameters])
    const vector = all.slice(0, lowerParameters.length)
    const epsilon = radius / norm(vector)
    const start = lowerParameters.map(parameter => clone(parameter).detach())
    const masks = getRngState()
    const [plus, minus] = [1, -1].map(sign => {
      setRngState(masks)
      const moved = start.map((value, i) => add(value, vector[i]!, { alpha: sign * epsilon }))
      noGrad(() => lowerParameters.forEach((parameter, i) => void copy_(parameter, moved[i]!)))
      return grad(problem.lowerLoss(lowerBatch), [...upperParameters])
    })
    noGrad(() => lowerParameters.forEach((parameter, i) => void copy_(parameter, start[i]!)))
    return all.slice(lowerParameters.length).map((g, i) => sub(g, sub(plus![i]!, minus![i]!).div(2 * epsilon)))
  }

const methods: Record<string, Compute> = {
  'first-order': by({ method: 'first-order' }),
  ...Object.fromEntries(
    RADII.map(radius => [`finite-difference ${radius}`, by({ method: 'finite-difference', radius })]),
  ),
  exact: by({ method: 'exact' }),
  'exact, forward over reverse': by({ method: 'exact', way: 'forward-over-reverse' }),
  'neumann, 3 terms of 0.1': by({ method: 'neumann', terms: 3, stepSize: 0.1 }),
  'conjugate-gradient, 3 iterations, damping 1': by({ method: 'conjugate-gradient', iterations: 3, damping: 1 }),
  unrolled: by({ method: 'unrolled', learningRate: SEARCH.lowerRate }),
  sama: by((problem, { adam }) => {
    const like = (list: Float32Array[]) => list.map((values, i) => tensorLike(problem.lowerParameters[i]!, values))
    const state = { expAvg: like(adam.expAvg), expAvgSq: like(adam.expAvgSq), gradient: like(adam.gradient) }
    return { method: 'sama', optimizerState: { ...state, ...adamSettings } }
  }),
}
// Only where the losses ask for a narrow type is there something that could be left unguarded.
const narrow = Object.fromEntries(RADII.map(radius => [`difference in bfloat16 ${radius}`, unguarded(radius)]))

function norm(list: readonly Tensor[]): number {
  return Math.hypot(...list.map(value => Math.hypot(...(value.detach().data() as Float32Array | Float64Array))))
}

/** The same dropout masks each time, in every precision: the generator gives the same numbers for each. */
function evaluate(problem: Problem, point: Loaded, compute: Compute) {
  let losses = 0
  const counted = (loss: Tensor) => {
    losses++
    return loss
  }
  const counting: Problem = {
    ...problem,
    lowerLoss: batch => counted(problem.lowerLoss(batch)),
    upperLoss: batch => counted(problem.upperLoss(batch)),
  }
  delete last.diagnostics
  manualSeed(5)
  const values = scope(() => flat(compute(counting, point)))
  return { values, losses, breakdown: breakdown() }
}

async function main(): Promise<void> {
  setNumThreads(1)
  process.removeAllListeners('warning') // a series that breaks down is part of the result
  const found = new Set(readLines().map(keyOf))
  const precisions: Precision[] = ['float64', 'float32', 'bfloat16']
  const names = (precision: Precision) => Object.keys(precision === 'bfloat16' ? { ...methods, ...narrow } : methods)
  const missing = (point: string, dropout: boolean, precision: Precision) =>
    names(precision).filter(method => !found.has(keyOf({ version: VERSION, point, dropout, precision, method })))
  const cells = ['start', 'middle', 'end'].flatMap(point =>
    [false, true].flatMap(dropout => precisions.flatMap(precision => missing(point, dropout, precision))),
  )
  console.log(`${cells.length} to measure`)
  if (cells.length === 0) return measureRounds(process.argv[2])
  mkdirSync(dirname(resultsFile), { recursive: true })
  const problems = precisions.map(precision => [precision, makeProblem(precision)] as const)
  const points = await pointsOf(process.argv[2])
  for (const plain of points) {
    const point = {
      ...plain,
      lowerBatch: loadBatch(cut(plain.lowerBatch)),
      upperBatch: loadBatch(cut(plain.upperBatch)),
    }
    for (const [, problem] of problems) problem.set(point.values)
    for (const dropout of [false, true]) {
      const own: Record<string, ReturnType<typeof evaluate>> = {}
      const reference = problems[0]![1]
      reference.dropout(dropout)
      const exact = evaluate(reference, point, methods.exact!).values
      const implicit = length(minus(exact, evaluate(reference, point, methods['first-order']!).values))
      for (const [precision, problem] of problems) {
        problem.dropout(dropout)
        const isTimed = point.name === 'middle' && !dropout // the time is the same elsewhere
        const pass = isTimed
          ? timeOf(() => void grad(problem.lowerLoss(point.lowerBatch), [...problem.lowerParameters]))
          : 0
        for (const method of missing(point.name, dropout, precision)) {
          const compute = { ...methods, ...narrow }[method]!
          own[method] ??= evaluate(reference, point, method in methods ? compute : unguarded(radiusOf(method)))
          const { values, losses, breakdown } =
            precision === 'float64' ? own[method] : evaluate(problem, point, compute)
          const difference = length(minus(values, exact))
          const line: ErrorLine = {
            version: VERSION,
            point: point.name,
            dropout,
            precision,
            method,
            error: difference / length(exact),
            implicitError: difference / implicit,
            cosine: dot(values, exact) / length(values) / length(exact),
            rounding: length(minus(values, own[method].values)) / length(own[method].values),
            losses,
            ...(isTimed && { passes: timeOf(() => void compute(problem, point)) / pass }),
            ...(breakdown === undefined ? {} : { breakdown }),
          }
          appendFileSync(resultsFile, `${JSON.stringify(line)}\n`)
          console.log(JSON.stringify(line))
        }
      }
    }
  }
  for (const [, problem] of problems) problem.dispose()
  await measureRounds(process.argv[2])
}

const radiusOf = (method: string) => Number(method.split(' ').at(-1))

if (process.argv[1]?.endsWith('hypergradient/run.js')) await main()
