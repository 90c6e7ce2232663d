import { type BidoraLayer, bidoraLinear, forgetConstants, orthogonality } from '../../lib/adapters/index.ts'
import { type BilevelProblem, step } from '../../lib/bilevel/index.ts'
import { AdamW, learningRateAt, type Optimizer, SGD } from '../../lib/optim/index.ts'
import { crossEntropyLoss, linear, select, tanh } from '../../lib/ops/index.ts'
import { keep, scope, type Tensor } from '../../lib/tensor/index.ts'
import { Level } from '../../lib/train/level.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'

type Named = Record<string, TensorReference>
interface Options {
  lr: number
  betas?: [number, number]
  eps?: number
  weightDecay: number
}
interface BettyRound {
  lowerLoss: number
  upperLoss: number
  hypergradient: Named
  lower: Named
  upper: Named
}
interface BettyCase {
  id: string
  magnitudeAxis: 'in' | 'out'
  detachNorm: boolean
  optimizer: 'adamw' | 'sgd'
  lower: Options
  upper: Options
  schedule: { warmupSteps: number; totalSteps: number } | null
  gamma: number
  radius: number
  scaling: number
  unrollSteps: number
  rollBack: boolean
  initial: { lower: Named; upper: Named; frozen: Named }
  lowerBatches: { x: TensorReference; y: TensorReference }
  upperBatches: { x: TensorReference; y: TensorReference }
  trace: BettyRound[]
}
interface Batch {
  x: Tensor
  y: Tensor
}

const golden = openGolden<{ cases: BettyCase[] }>('betty')
const tolerance = { absolute: 1e-6 }

function openAll(named: Named, requiresGrad: boolean): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(named).map(([name, reference]) => {
      const value = keep(golden.tensor(reference))
      value.requiresGrad = requiresGrad
      return [name, value]
    }),
  )
}

/** x -> layers.0 -> tanh -> layers.1 -> tanh -> head -> cross-entropy. */
function networkOf(
  one: BettyCase,
  tensors: Record<string, Tensor>,
): { layers: BidoraLayer[]; task: (batch: Batch) => Tensor } {
  const { scaling, magnitudeAxis, detachNorm } = one
  const layers = [0, 1].map(i => {
    const of = (name: string) => tensors[`layers.${i}.${name}`]!
    return {
      weight: of('weight'),
      bias: of('bias'),
      loraA: of('loraA'),
      loraB: of('loraB'),
      magnitude: of('magnitude'),
      scaling,
      magnitudeAxis,
      detachNorm,
    }
  })
  const forward = (x: Tensor) =>
    linear(
      layers.reduce((h, layer) => tanh(bidoraLinear(h, layer)), x),
      tensors['head.weight']!,
      tensors['head.bias']!,
    )
  return { layers, task: ({ x, y }) => crossEntropyLoss(forward(x), y) }
}

/** An optimizer with its schedule, as an update function. */
function updater(
  one: BettyCase,
  parameters: Tensor[],
  { lr, betas, eps, weightDecay }: Options,
  each: number,
): { update: (gradients: readonly Tensor[]) => void; optimizer: Optimizer } {
  const group = { parameters, learningRate: lr }
  const optimizer =
    one.optimizer === 'sgd'
      ? new SGD([group], { weightDecay })
      : new AdamW([group], { weightDecay, ...(betas ? { betas } : {}), ...(eps ? { eps } : {}) })
  const { schedule } = one
  let count = 0
  const update = (gradients: readonly Tensor[]) => {
    if (schedule)
      group.learningRate = learningRateAt(
        {
          kind: 'linear',
          learningRate: lr,
          steps: schedule.totalSteps * each,
          warmupSteps: schedule.warmupSteps * each,
        },
        count,
      )
    optimizer.step(gradients)
    count++
  }
  return { update, optimizer }
}

/** The level as `train` makes it, which can be rolled back: its schedule counts one step a round. */
function levelOf(
  { lower: { lr, betas, eps, weightDecay }, schedule }: BettyCase,
  named: Record<string, Tensor>,
): Level {
  return new Level({
    parameters: Object.entries(named),
    schedule: {
      kind: 'linear',
      learningRate: lr,
      steps: schedule!.totalSteps,
      warmupSteps: schedule!.warmupSteps,
    },
    decayOf: () => weightDecay,
    clip: 0,
    betas: betas!,
    eps: eps!,
  })
}

describe('twenty rounds against the real Betty 0.2.1 (float64)', () => {
  for (const one of golden.cases.cases) {
    it(one.id, () => {
      const lower = openAll(one.initial.lower, true)
      const upper = openAll(one.initial.upper, true)
      const frozen = openAll(one.initial.frozen, false)
      const { layers, task } = networkOf(one, { ...lower, ...upper, ...frozen })
      const problem: BilevelProblem<Batch> = {
        lowerLoss: batch => task(batch).add(orthogonality(layers).mul(one.gamma)),
        upperLoss: task,
        lowerParameters: Object.values(lower),
        upperParameters: Object.values(upper),
      }
      const level = one.rollBack ? levelOf(one, lower) : undefined
      const lowerUpdater = updater(one, Object.values(lower), one.lower, one.unrollSteps)
      const upperUpdater = updater(one, Object.values(upper), one.upper, 1)
      try {
        scope(() => {
          const [lowerX, lowerY, upperX, upperY] = [
            one.lowerBatches.x,
            one.lowerBatches.y,
            one.upperBatches.x,
            one.upperBatches.y,
          ].map(reference => golden.tensor(reference))
          one.trace.forEach((expected, r) =>
            scope(() => {
              const row = (x: Tensor, y: Tensor, i: number): Batch => ({ x: select(x, 0, i), y: select(y, 0, i) })
              const where = `round ${r + 1}:`
              const round = step(
                problem,
                {
                  lowerBatches: Array.from({ length: one.unrollSteps }, (_, i) =>
                    row(lowerX!, lowerY!, r * one.unrollSteps + i),
                  ),
                  upperBatch: row(upperX!, upperY!, r),
                },
                {
                  hypergradient: { method: 'finite-difference', radius: one.radius },
                  updateLower: level?.update ?? lowerUpdater.update,
                  ...(level ? { markLower: level.mark } : {}),
                  updateUpper: gradients => {
                    for (const [name, reference] of Object.entries(expected.lower))
                      assertClose(lower[name]!, golden.tensor(reference), `${where} ${name}`, tolerance)
                    Object.values(expected.hypergradient).forEach((reference, i) =>
                      assertClose(gradients[i]!, golden.tensor(reference), `${where} hypergradient ${i}`, tolerance),
                    )
                    upperUpdater.update(gradients)
                  },
                },
              )
              assertClose(round.lowerLoss, expected.lowerLoss, `${where} lowerLoss`, tolerance)
              assertClose(round.upperLoss!, expected.upperLoss, `${where} upperLoss`, tolerance)
              for (const [name, reference] of Object.entries(expected.upper))
                assertClose(upper[name]!, golden.tensor(reference), `${where} ${name}`, tolerance)
            }),
          )
        })
      } finally {
        level?.dispose()
        for (const { optimizer } of [lowerUpdater, upperUpdater]) optimizer.dispose()
        for (const { weight } of layers) forgetConstants(weight)
        for (const value of [lower, upper, frozen].flatMap(named => Object.values(named))) value.dispose()
      }
    })
  }
})
