import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  adaptedLayers,
  type BidoraLayer,
  bidoraLinear,
  forgetConstants,
  type MagnitudeAxis,
  orthogonality,
  prepareModel,
  trainableParameters,
} from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import {
  type BilevelProblem,
  type Diagnostics,
  hypergradient,
  METHOD_NAMES,
  type MethodChoice,
} from '../../lib/bilevel/index.ts'
import { loadModel } from '../../lib/models/index.ts'
import { crossEntropy, dropout as drop, Dropout, useAttentionKernel } from '../../lib/nn/index.ts'
import { copy_, mean, mul, ones, square, sub } from '../../lib/ops/index.ts'
import { differentiableAdamW, differentiableSGD } from '../../lib/optim/index.ts'
import { manualSeed, scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { makerHash, root } from './golden.ts'

type Named = Record<string, TensorReference>
interface Method {
  name: string
  method: MethodChoice['method']
  options: Record<string, unknown>
  hypergradient: Named
  /** Of `unrolled`: at the point it leads to. */
  upperLoss?: number
  optimizerState?: Record<string, Named | number>
  /** The iteration at which conjugate gradients meet no curvature. */
  breakdown?: number
}
interface Case {
  id: string
  kind: 'layer' | 'transformer'
  magnitudeAxis: MagnitudeAxis
  detachNorm: boolean
  dropout: number
  upperLoss: number
  lower: Named
  upper: Named
  frozen: Named
  lowerBatches: Named[]
  upperBatch: Named
  methods: Method[]
}
type Batch = Record<string, Tensor>
type Problem = BilevelProblem<Batch> & { names: string[]; dispose: () => void }

const golden = openGolden<{
  seed: number
  gamma: number
  scaling: number
  rank: number
  targetModules: string[]
  cases: Case[]
}>('bilevel')
const { seed, gamma, scaling, rank, targetModules, cases } = golden.cases
const open = (named: Named): Batch =>
  Object.fromEntries(Object.entries(named).map(([name, reference]) => [name, golden.tensor(reference)]))

/** One layer, 7 -> 5, with half the mean squared error. */
function layerProblem(one: Case): Problem {
  const tensors = { ...open(one.lower), ...open(one.upper), ...open(one.frozen) }
  const layer = { ...tensors, ...one, scaling } as unknown as BidoraLayer
  for (const name of ['loraA', 'loraB', 'magnitude'] as const) layer[name].requiresGrad = true
  const dropout = (x: Tensor) => drop(x, one.dropout)
  const task = ({ x, t }: Batch) => mul(mean(square(sub(bidoraLinear(x!, layer, { dropout }), t!))), 0.5)
  return {
    lowerLoss: batch => task(batch).add(mul(orthogonality([layer]), gamma)),
    upperLoss: task,
    lowerParameters: [layer.loraA, layer.loraB],
    upperParameters: [layer.magnitude],
    names: ['loraA', 'loraB'],
    dispose: () => forgetConstants(layer.weight),
  }
}

/** BERT with two layers, its query, value and feed-forward adapted. */
function transformerProblem(one: Case): Problem {
  const { magnitudeAxis, detachNorm, dropout } = one
  const model = loadModel(join(root, 'test/golden/bilevel/model'), { dtype: 'float64' })
  const adapter = { method: 'bidora', rank, loraAlpha: scaling * rank, targetModules, loraDropout: dropout } as const
  prepareModel(model, { ...adapter, magnitudeAxis, detachNorm })
  useAttentionKernel(model, 'explicit')
  model.train()
  for (const [, module] of model.namedModules())
    if (module instanceof Dropout || 'heads' in module) setDropout(module as unknown as object, dropout)
  const layers = [...adaptedLayers(model).values()]
  const { lower, upper } = trainableParameters(model)
  const values = { ...open(one.lower), ...open(one.upper) }
  assert.deepEqual([...lower, ...upper].map(([name]) => name).sort(), Object.keys(values).sort())
  noGrad(() => [...lower, ...upper].forEach(([name, parameter]) => void copy_(parameter, values[name]!)))
  const task = ({ inputIds, labels }: Batch) => {
    const attentionMask = ones(inputIds!.shape, { dtype: 'int64' })
    return crossEntropy(
      // With all hidden states the last layer works for every token, and draws the masks that PyTorch's does.
      model.forward({ layout: 'padded', inputIds: inputIds!, attentionMask, hasPadding: false }, { hiddenStates: true })
        .logits,
      labels!,
    )
  }
  return {
    lowerLoss: batch => task(batch).add(mul(orthogonality(layers), gamma)),
    upperLoss: task,
    lowerParameters: lower.map(([, parameter]) => parameter),
    upperParameters: upper.map(([, parameter]) => parameter),
    upperNames: upper.map(([name]) => name),
    names: lower.map(([name]) => name),
    dispose: () => model.dispose(),
  }
}

/** The probability is read-only to the public; a golden needs one of its own. */
function setDropout(module: object, p: number): void {
  Object.assign(module, 'heads' in module ? { dropout: p } : { p })
}

/** The method's name with its options, and the batch or batches that it takes. */
function choiceOf({ method, options, optimizerState }: Method, names: readonly string[]): MethodChoice {
  const { update, ...rest } = options
  const state = Object.fromEntries(
    Object.entries(optimizerState ?? {}).map(([name, value]) => {
      if (typeof value === 'number') return [name, value]
      const tensors = open(value)
      return [name, names.map(parameter => tensors[parameter]!)]
    }),
  )
  if (method === 'sama') return { method, optimizerState: { ...rest, ...state } } as unknown as MethodChoice
  if (method !== 'unrolled' || update === undefined) return { method, ...rest } as MethodChoice
  const { steps, ...optimizer } = rest
  const given = optimizer as unknown as Parameters<typeof differentiableAdamW>[0]
  return {
    method,
    update: update === 'sgd' ? differentiableSGD(given) : differentiableAdamW(given),
    ...(steps === undefined ? {} : { steps: steps as number }),
    ...(optimizerState ? { optimizerState: state } : {}),
  }
}

/** Runs what may warn of a breakdown, whose warning is the business of other tests. */
function quietly<Result>(run: () => Result): Result {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return run()
  } finally {
    process.emitWarning = emitWarning
  }
}

describe('every hypergradient method against plain PyTorch (float64)', () => {
  for (const one of cases) {
    it(one.id, () =>
      scope(() => {
        const problem = one.kind === 'layer' ? layerProblem(one) : transformerProblem(one)
        try {
          const batches = one.lowerBatches.map(open)
          const upperBatch = open(one.upperBatch)
          for (const method of one.methods) check(problem, one, method, batches, upperBatch)
        } finally {
          problem.dispose()
        }
      }),
    )
  }

  it('no method is left out', () => {
    for (const { methods } of cases)
      assert.deepEqual([...new Set(methods.map(m => m.method))].sort(), [...METHOD_NAMES].sort())
    assert.equal(cases.length, 14)
    const manifest = JSON.parse(readFileSync(join(root, 'test/golden/bilevel/manifest.json'), 'utf8'))
    assert.equal(manifest.scriptSha256, makerHash('bilevel.py'))
  })
})

function check(problem: Problem, one: Case, method: Method, batches: Batch[], upperBatch: Batch): void {
  scope(() => {
    const choice = choiceOf(method, problem.names)
    let diagnostics: Diagnostics | undefined
    manualSeed(seed)
    const gradients = quietly(() =>
      hypergradient(problem, {
        ...choice,
        lowerBatch: 'steps' in choice ? batches : batches[0]!,
        upperBatch,
        onDiagnostics: (found: Diagnostics) => (diagnostics = found),
      } as Parameters<typeof hypergradient<Batch, Batch>>[1]),
    )
    const expected = open(method.hypergradient)
    const names = problem.upperNames ?? ['magnitude']
    // One scale for all: an entry of one layer may be zero but for rounding.
    const scale = Math.max(...Object.values(expected).flatMap(value => [...value.data()].map(x => Math.abs(Number(x)))))
    names.forEach((name, i) =>
      assertClose(gradients[i]!, expected[name]!, `${method.name} ${name}`, { absolute: 1e-9 * Math.max(1, scale) }),
    )
    if (method.method === 'conjugate-gradient')
      assert.equal(diagnostics!.breakdown?.at, method.breakdown, `${one.id} ${method.name}: breakdown`)
  })
}
