import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type BidoraLayer,
  bidoraLinear,
  forgetConstants,
  type MagnitudeAxis,
  orthogonality,
} from '../../lib/adapters/index.ts'
import { type BilevelProblem, hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import { add, crossEntropyLoss, linear, mul, square, sum, tanh } from '../../lib/ops/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { makerHash, root } from './golden.ts'

type Named = Record<string, TensorReference>
interface Method {
  id: string
  method: MethodChoice['method']
  options: Record<string, unknown>
  /** What Betty 0.2.1 gave. */
  betty: Named
  optimizerState?: Record<string, Named>
  /** Of conjugate gradients: whether Betty is right, and what so many iterations are, densely. */
  right?: boolean
  krylov?: Named
}
interface Case {
  id: string
  magnitudeAxis: MagnitudeAxis
  lower: Named
  upper: Named
  frozen: Named
  lowerBatch: Named
  upperBatch: Named
  solved: Named
  methods: Method[]
}
type Batch = Record<string, Tensor>

const golden = openGolden<{
  gamma: number
  ridge: number
  scaling: number
  radius: number
  cases: Case[]
  drifts: { version: string; moved: number[]; epsilonVector: number[] }[]
}>('betty_methods')
const { gamma, ridge, scaling, radius, cases, drifts } = golden.cases
const open = (named: Named): Batch =>
  Object.fromEntries(Object.entries(named).map(([name, reference]) => [name, golden.tensor(reference)]))
const flat = (values: readonly Tensor[]) => values.flatMap(value => Array.from(value.data(), Number))
const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((x, i) => x - b[i]!))

type Problem = BilevelProblem<Batch> & {
  by: (choice: MethodChoice) => Tensor[]
  statesOf: (named: Named) => Tensor[]
  lower: Batch
}

/** x -> two adapted layers with tanh -> head -> cross-entropy; a ridge on all lower parameters. */
function withProblem(one: Case, check: (problem: Problem) => void): void {
  scope(() => {
    const [lower, upper, frozen] = [open(one.lower), open(one.upper), open(one.frozen)]
    for (const leaf of [...Object.values(lower), ...Object.values(upper)]) leaf.requiresGrad = true
    const all = { ...lower, ...upper, ...frozen }
    const layers = [0, 1].map(k => {
      const parts = ['weight', 'bias', 'loraA', 'loraB', 'magnitude'].map(part => [part, all[`layers.${k}.${part}`]!])
      return { ...Object.fromEntries(parts), scaling, magnitudeAxis: one.magnitudeAxis } as BidoraLayer
    })
    const task = ({ x, y }: Batch) => {
      const hidden = layers.reduce((h, layer) => tanh(bidoraLinear(h, layer)), x!)
      return crossEntropyLoss(linear(hidden, all['head.weight']!, all['head.bias']!), y!)
    }
    const squares = () => Object.values(lower).map(value => sum(square(value)))
    const problem: BilevelProblem<Batch> = {
      lowerLoss: batch =>
        [task(batch), mul(orthogonality(layers), gamma), ...squares().map(value => mul(value, 0.5 * ridge))].reduce(
          (a, b) => add(a, b),
        ),
      upperLoss: task,
      lowerParameters: Object.values(lower),
      upperParameters: Object.values(upper),
    }
    const batches = { lowerBatch: open(one.lowerBatch), upperBatch: open(one.upperBatch) }
    try {
      check({
        ...problem,
        lower,
        by: choice => hypergradient(problem, { ...batches, ...choice }),
        statesOf: named => Object.keys(one.lower).map(name => golden.tensor(named[name]!)),
      })
    } finally {
      for (const { weight } of layers) forgetConstants(weight)
    }
  })
}

describe('the hypergradient functions of the real Betty 0.2.1 (float64)', () => {
  for (const one of cases) {
    const expected = (named: Named) => flat(Object.keys(one.upper).map(name => golden.tensor(named[name]!)))

    for (const method of one.methods.filter(({ right }) => right !== false)) {
      it(`axis ${one.id}, ${method.id}: equal`, () =>
        withProblem(one, ({ by, statesOf }) => {
          const states = Object.entries(method.optimizerState ?? {}).map(([name, named]) => [name, statesOf(named)])
          const choice = method.optimizerState
            ? { method: method.method, optimizerState: { ...method.options, ...Object.fromEntries(states) } }
            : { method: method.method, ...method.options }
          assertClose(flat(by(choice as MethodChoice)), expected(method.betty), method.id, { absolute: 1e-9 })
        }))
    }

    for (const method of one.methods.filter(({ right }) => right === false)) {
      it(`axis ${one.id}, ${method.id}: Betty is wrong, by the dense solution`, () =>
        withProblem(one, ({ by }) => {
          const ours = flat(by({ method: 'conjugate-gradient', ...method.options }))
          const [betty, krylov, solved] = [expected(method.betty), expected(method.krylov!), expected(one.solved)]
          assertClose(ours, krylov, method.id, { absolute: 1e-9 })
          assert.ok(distance(betty, krylov) > 1e-5 * Math.hypot(...krylov), 'the difference is no rounding')
          assert.ok(distance(betty, solved) > 1.5 * distance(ours, solved), 'and it leads away from the solution')
        }))
    }

    it(`axis ${one.id}: with its iterations Betty's cg does not approach the solution as ours does`, () =>
      withProblem(one, ({ by }) => {
        const solved = expected(one.solved)
        const direct = distance(flat(by({ method: 'first-order' })), solved)
        const error = (id: string) => {
          const method = one.methods.find(found => found.id === id)!
          const ours = flat(by({ method: 'conjugate-gradient', ...method.options }))
          return [distance(ours, solved) / direct, distance(expected(method.betty), solved) / direct] as const
        }
        const [[ours1], [ours2], [ours6, betty6]] = [error('cg-1-1.0'), error('cg-2-1.0'), error('cg-6-1.0')]
        assert.ok(ours2 < ours1 && ours6 < ours2, `ours: ${ours1}, ${ours2}, ${ours6}`)
        assert.ok(betty6 > 10 * ours6, `six iterations: ours ${ours6}, Betty's ${betty6}`)
      }))
  }
})

describe('lower weights after one hypergradient: Betty 0.1.1 and 0.2.0 leave them moved', () => {
  for (const { version, moved, epsilonVector } of drifts) {
    const isMoved = version !== '0.2.1'
    it(`${version}: ${isMoved ? 'at p - epsilon v, a step along the upper gradient' : 'where they were, to rounding'}`, () => {
      const expected = epsilonVector.map(value => (isMoved ? -value : 0))
      assertClose(moved, expected, version, { absolute: 1e-12 })
      assert.ok(Math.abs(Math.hypot(...epsilonVector) - radius) < 1e-12)
    })
  }

  it('ours: to the bit, for every method that moves them', () =>
    withProblem(cases[0]!, ({ by, lower, statesOf }) => {
      const before = Object.values(lower).map(value => value.tolist())
      const { optimizerState } = cases[0]!.methods.find(({ method }) => method === 'sama')!
      const adam = Object.fromEntries(Object.entries(optimizerState!).map(([name, named]) => [name, statesOf(named)]))
      const settings = { learningRate: 0.02, betas: [0.9, 0.98], eps: 1e-3 }
      by({ method: 'finite-difference', radius })
      by({ method: 'sama', optimizerState: { ...adam, ...settings } } as unknown as MethodChoice)
      by({ method: 'unrolled', learningRate: 0.1 })
      by({ method: 'exact', way: 'forward-over-reverse' })
      assert.deepEqual(
        Object.values(lower).map(value => value.tolist()),
        before,
      )
    }))
})

it("the golden file of Betty's functions is its maker's", () => {
  const manifest = JSON.parse(readFileSync(join(root, 'test/golden/betty_methods/manifest.json'), 'utf8'))
  assert.equal(manifest.scriptSha256, makerHash('betty_methods.py'))
})
