import assert from 'node:assert/strict'
import {
  adaptedLayers,
  forgetConstants,
  type MagnitudeAxis,
  orthogonality,
  prepareModel,
  trainableParameters,
} from '../../lib/adapters/index.ts'
import { autocast, noGrad } from '../../lib/autograd/index.ts'
import { accumulated, type BilevelProblem, hypergradient, type MethodChoice } from '../../lib/bilevel/index.ts'
import { type BidoraError, TorchError } from '../../lib/errors.ts'
import { type Batch, createModel } from '../../lib/models/index.ts'
import { type AttentionKernel, crossEntropy, useAttentionKernel } from '../../lib/nn/index.ts'
import { detach, linear, mul, normal_, ones, sum, tanh } from '../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor, tensor } from '../../lib/tensor/index.ts'

const base = {
  model_type: 'bert',
  vocab_size: 40,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 16,
  id2label: { 0: 'no', 1: 'yes' },
}

interface Setting {
  magnitudeAxis?: MagnitudeAxis
  detachNorm?: boolean
  dropout?: number
  hiddenAct?: string
  kernel?: AttentionKernel
}

type Problem = BilevelProblem<Batch> & { batches: { lowerBatch: Batch; upperBatch: Batch } }

/** A tiny BERT with every linear layer adapted, away from its start. */
function withTransformer(setting: Setting, check: (problem: Problem) => void): void {
  const { magnitudeAxis = 'out', detachNorm = false, dropout = 0, hiddenAct = 'gelu', kernel = 'explicit' } = setting
  manualSeed(1)
  const model = createModel(
    { ...base, hidden_act: hiddenAct, hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout },
    { dtype: 'float64' },
  )
  const adapter = {
    method: 'bidora',
    rank: 2,
    loraAlpha: 4,
    targetModules: 'all-linear',
    loraDropout: dropout,
  } as const
  prepareModel(model, { ...adapter, magnitudeAxis, detachNorm })
  useAttentionKernel(model, kernel)
  model.train()
  const layers = [...adaptedLayers(model).values()]
  const { lower, upper } = trainableParameters(model)
  noGrad(() => scope(() => layers.forEach(({ loraB }) => void normal_(loraB, { std: 0.05 }))))
  try {
    scope(() => {
      const labels = tensor([0, 1, 0, 1, 1, 0, 1, 0], { dtype: 'int64' })
      const upperLoss = (batch: Batch) => crossEntropy(model.forward(batch).logits, labels)
      check({
        lowerLoss: batch => upperLoss(batch).add(mul(orthogonality(layers), 1e-2)),
        upperLoss,
        lowerParameters: lower.map(([, parameter]) => parameter),
        upperParameters: upper.map(([, parameter]) => parameter),
        batches: { lowerBatch: batchOf(7), upperBatch: batchOf(11) },
      })
    })
  } finally {
    for (const { weight } of layers) forgetConstants(weight)
    model.dispose()
  }
}

function batchOf(stride: number): Batch {
  const ids = Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 6 }, (_, column) => ((row * 6 + column) * stride) % 40),
  )
  return {
    layout: 'padded',
    inputIds: tensor(ids, { dtype: 'int64' }),
    attentionMask: ones([8, 6], { dtype: 'int64' }),
  }
}

const flat = (list: readonly Tensor[]): number[] => list.flatMap(value => Array.from(value.data(), Number))

/** The largest difference relative to the largest entry. */
function distance(got: readonly Tensor[], expected: readonly Tensor[]): number {
  const [a, b] = [flat(got), flat(expected)]
  assert.equal(a.length, b.length)
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!))) / Math.max(...b.map(Math.abs))
}

function ways({ batches, ...problem }: Problem, change: Partial<Problem['batches']> = {}) {
  const by = (choice: MethodChoice): Tensor[] => {
    manualSeed(2)
    return hypergradient(problem, { ...batches, ...change, ...choice })
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
          withTransformer({ magnitudeAxis, detachNorm, dropout }, problem => {
            const { by, backward, forward, firstOrder } = ways(problem)
            assert.ok(distance(firstOrder, backward) > 1e-3, 'the implicit term matters here')
            assert.ok(distance(forward, backward) < 1e-10, `differ by ${distance(forward, backward)}`)
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
      withTransformer({ hiddenAct }, problem => {
        const { backward, forward } = ways(problem)
        assert.ok(distance(forward, backward) < 1e-10)
      }))

  it('a batch in parts', () =>
    withTransformer({}, problem => {
      const whole = ways(problem).backward
      const lowerBatch = accumulated([
        { batch: problem.batches.lowerBatch, weight: 0.25 },
        { batch: problem.batches.lowerBatch, weight: 0.75 },
      ]) as unknown as Batch
      assert.ok(distance(ways(problem, { lowerBatch }).forward, whole) < 1e-10)
    }))

  it('fused attention has neither derivative: an error that names the operator, and the parameters are as before', () =>
    withTransformer({ kernel: 'fused' }, problem => {
      const { batches, ...two } = problem
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
      let before: Tensor | undefined
      const two = problem(v => (before ??= v.mul(v).mul(v)))
      two.lowerLoss() // fills it
      assert.throws(() => hypergradient(two, forward), { code: 'FORWARD_INCOMPLETE' })
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
