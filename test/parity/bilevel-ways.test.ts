import assert from 'node:assert/strict'
import { autocast, noGrad } from '../../lib/autograd/index.ts'
import { accumulated, type BilevelProblem, hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import { type BidoraError, TorchError } from '../../lib/errors.ts'
import type { Batch } from '../../lib/models/index.ts'
import { detach, linear, mul, normal_, ones, sum, tanh } from '../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../lib/tensor/index.ts'
import { type TransformerBatches, withTransformer } from '../gradient/adapted-transformer.ts'

const flat = (list: readonly Tensor[]): number[] => list.flatMap(value => Array.from(value.data(), Number))

/** The largest difference relative to the largest entry. */
function distance(got: readonly Tensor[], expected: readonly Tensor[]): number {
  const [a, b] = [flat(got), flat(expected)]
  assert.equal(a.length, b.length)
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!))) / Math.max(...b.map(Math.abs))
}

function ways(problem: BilevelProblem<Batch>, batches: TransformerBatches) {
  const by = (choice: MethodChoice): Tensor[] => {
    manualSeed(2)
    return hypergradient(problem, { ...batches, ...choice })
  }
  return {
    by,
    backward: by({ method: 'exact', way: 'double-backward' }),
    forward: by({ method: 'exact', way: 'forward-over-reverse' }),
    firstOrder: by({ method: 'first-order' }),
  }
}

describe('exact by double backward and by forward over reverse (float64)', () => {
  for (const magnitudeAxis of ['out', 'in'] as const) {
    for (const detachNorm of [false, true]) {
      for (const dropout of [0, 0.1]) {
        it(`axis ${magnitudeAxis}, norm ${detachNorm ? 'detached' : 'in graph'}, dropout ${dropout}`, () =>
          withTransformer({ magnitudeAxis, detachNorm, dropout }, (problem, batches) => {
            const { by, backward, forward, firstOrder } = ways(problem, batches)
            assert.ok(distance(firstOrder, backward) > 1e-3, 'the implicit term matters here')
            assert.ok(distance(forward, backward) < 1e-10, `differ by ${distance(forward, backward)}`)
            assert.ok(
              [...forward, ...backward].every(gradient => !gradient.requiresGrad),
              'no graph is left on them',
            )
            // The default is one of the two, and no tangent is left on the parameters.
            assert.ok(distance(by({ method: 'exact' }), backward) === 0)
            // With a detached norm the central difference is another number, however small its radius.
            const difference = distance(by({ method: 'finite-difference', radius: 1e-4 }), backward)
            assert.ok(detachNorm ? difference > 1e-3 : difference < 1e-6, `finite difference is off by ${difference}`)
          }))
      }
    }
  }

  for (const hiddenAct of ['gelu_new', 'relu', 'silu', 'gelu_fast', 'quick_gelu'])
    it(`activation ${hiddenAct}`, () =>
      withTransformer({ hiddenAct }, (problem, batches) => {
        const { backward, forward } = ways(problem, batches)
        assert.ok(distance(forward, backward) < 1e-10)
      }))

  it('a batch in parts', () =>
    withTransformer({}, (problem, batches) => {
      const whole = ways(problem, batches).backward
      const lowerBatch = accumulated([
        { batch: batches.lowerBatch, weight: 0.25 },
        { batch: batches.lowerBatch, weight: 0.75 },
      ]) as unknown as Batch
      assert.ok(distance(ways(problem, { ...batches, lowerBatch }).forward, whole) < 1e-10)
      const unlike = accumulated([
        { batch: batches.lowerBatch, weight: 0.25 },
        { batch: batches.upperBatch, weight: 0.75 },
      ]) as unknown as Batch
      const { forward, backward } = ways(problem, { ...batches, lowerBatch: unlike })
      assert.ok(distance(forward, backward) < 1e-10 && distance(forward, whole) > 1e-3)
    }))

  it('fused attention has neither derivative: an error that names the operator, and the parameters are as before', () =>
    withTransformer({ kernel: 'fused' }, (two, batches) => {
      const parameters = () => flat([...two.lowerParameters, ...two.upperParameters].map(detach))
      const before = parameters()
      for (const [way, code] of [
        ['forward-over-reverse', 'NO_FORWARD_DERIVATIVE'],
        ['double-backward', 'NO_DERIVATIVE'],
      ] as const) {
        assert.throws(
          () => hypergradient(two, { ...batches, method: 'exact', way }),
          (error: BidoraError) =>
            error instanceof TorchError && error.code === code && /scaled_dot_product/.test(error.message),
          way,
        )
      }
      assert.deepEqual(parameters(), before)
      const after = hypergradient(two, { ...batches, method: 'finite-difference' })
      assert.ok(flat(after).every(Number.isFinite))
    }))
})

describe('exact by forward over reverse refuses what it cannot see', () => {
  const double = (values: number[], requiresGrad = true) => tensor(values, { dtype: 'float64', requiresGrad })
  // lower (v . m) + m . v^2, with a term that can be made in different places
  const problem = (term: (v: Tensor) => Tensor) => {
    const [v, m] = [double([0.5, -1, 2]), double([1, 3, -2])]
    const lowerLoss = () => sum(mul(m, mul(v, v).add(term(v))))
    return { v, m, lowerLoss, upperLoss: () => sum(mul(v, v)), lowerParameters: [v], upperParameters: [m] }
  }
  const forward = { lowerBatch: null, upperBatch: null, method: 'exact', way: 'forward-over-reverse' } as const

  it('agrees by hand: d2 / dm dv of m v^2 + m v^3 along 2 v', () =>
    scope(() => {
      const [gradient] = hypergradient(
        problem(v => v.mul(v).mul(v)),
        forward,
      )
      assert.deepEqual(
        gradient!.tolist(),
        [0.5, -1, 2].map(v => -(2 * v + 3 * v * v) * 2 * v),
      )
    }))

  it('a part computed before the loss is called', () =>
    scope(() => {
      for (const share of [1, 1e-6]) {
        let before: Tensor | undefined
        const two = problem(v => (before ??= v.mul(v).mul(v).mul(share)))
        two.lowerLoss() // fills it
        assert.throws(() => hypergradient(two, forward), { code: 'FORWARD_INCOMPLETE' })
      }
    }))

  it('such a part also where it does not change the loss along v, behind an upper parameter that is 0', () =>
    scope(() => {
      const [v, m] = [double([0.5, -1, 2]), double([0, 0, 0])]
      let before: Tensor | undefined
      const two = {
        lowerLoss: () => sum((before ??= v.mul(v)).mul(m)),
        upperLoss: () => sum(v.mul(v)),
        lowerParameters: [v],
        upperParameters: [m],
      }
      two.lowerLoss() // fills it
      assert.throws(() => hypergradient(two, forward), { code: 'FORWARD_INCOMPLETE' })
      before = undefined // all of it is made inside
      const [gradient] = hypergradient(two, forward)
      assert.deepEqual(gradient!.tolist(), [-1, -4, -16])
    }))

  it('a number read on the host; inside noGrad it is the constant that it is for double backward', () =>
    scope(() => {
      assert.throws(
        () =>
          hypergradient(
            problem(v => v.mul(sum(v).item() as number)),
            forward,
          ),
        /read it after jvp, or inside noGrad/,
      )
      const constant = problem(v => v.mul(noGrad(() => sum(v).item() as number)))
      const [a] = hypergradient(constant, forward)
      const [b] = hypergradient(constant, { ...forward, way: 'double-backward' })
      assert.deepEqual(a!.tolist(), b!.tolist())
    }))

  it('what is detached, made in noGrad or compared is constant both ways', () =>
    scope(() => {
      for (const term of [
        (v: Tensor) => detach(v.exp()).mul(v),
        (v: Tensor) => noGrad(() => v.exp()).mul(v),
        (v: Tensor) => v.gt(0).mul(v.mul(v)),
      ]) {
        const two = problem(term)
        const [a] = hypergradient(two, forward)
        const [b] = hypergradient(two, { ...forward, way: 'double-backward' })
        a!.tolist()
        assert.ok(distance([a!], [b!]) < 1e-14)
      }
    }))

  it('is made in the type of the parameters where the loss asks for bfloat16 products', () =>
    scope(() => {
      const matrix = (requiresGrad: boolean) => {
        const made = normal_(ones([12, 12]), { std: 0.5 })
        made.requiresGrad = requiresGrad
        return made
      }
      const of = (way: 'forward-over-reverse' | 'double-backward', narrow: boolean) => {
        manualSeed(4)
        const [v, m, x] = [matrix(true), matrix(true), matrix(false)]
        const loss = () => sum(linear(tanh(linear(x, mul(v, m))), v))
        const lowerLoss = () => (narrow ? autocast('bfloat16', loss) : loss())
        const upperLoss = () => sum(mul(v, v))
        return hypergradient({ lowerLoss, upperLoss, lowerParameters: [v], upperParameters: [m] }, { ...forward, way })
      }
      const [wide, narrow] = [of('forward-over-reverse', false), of('forward-over-reverse', true)]
      assert.deepEqual(flat(narrow), flat(wide))
      assert.ok(distance(of('double-backward', false), wide) < 1e-5)
      assert.ok(distance(of('double-backward', true), wide) > 1e-4, 'bfloat16 shows here')
    }))

  it('another way', () =>
    scope(() => {
      const way = 'backward' as 'double-backward'
      assert.throws(
        () =>
          hypergradient(
            problem(v => v),
            { ...forward, way },
          ),
        { code: 'BILEVEL_WAY' },
      )
    }))
})
