// Weight decay per layer, learned: which part of a model should be kept small, and how small?
//
//     lower:  V*(d) = argmin_V  mean squared error on the lower rows + sum over layers of  exp(d[layer]) * ||V[layer]||^2
//     upper:  min_d             mean squared error of V*(d) on the upper rows
//
// The model is a regression with two layers: one reads features that matter, the other pure noise. So the answer is
// known: the noise layer wants infinite decay, the other a little, and no single decay for both does as well.
//
// The direct gradient is zero here too. As the lower problem is solved (a convex one, many steps a round) the inverse of
// its Hessian can be had: `conjugate-gradient`. `finite-difference` takes that inverse for the identity.
//
//     node dist/test/examples/layer-decay.js
import { type BilevelProblem, type MethodChoice, step } from 'bidora-torch/bilevel'
import { Random } from 'bidora-torch/data'
import { meanSquaredError } from 'bidora-torch/nn'
import { AdamW, SGD } from 'bidora-torch/optim'
import {
  add,
  cat,
  clamp_,
  diagEmbed,
  exp,
  linalgSolve,
  matmul,
  mul,
  mv,
  noGrad,
  scope,
  square,
  sum,
  type Tensor,
  t,
  tensor,
  zeros,
} from 'bidora-torch/torch'
import { normal } from './generated.ts'
import { isScript, printMeans } from './script.ts'

/** Widths of the two layers: features that matter, and noise. */
const WIDTHS = [10, 40]

export interface Rows {
  blocks: Tensor[] // [rows, width of the layer] each
  targets: Tensor // [rows]
}

const predict = (layers: readonly Tensor[], { blocks }: Rows): Tensor =>
  blocks.map((block, i) => mv(block, layers[i]!)).reduce((total, part) => add(total, part)) // [rows]
const error = (layers: readonly Tensor[], rows: Rows): Tensor => meanSquaredError(predict(layers, rows), rows.targets)

export interface Options {
  rounds?: number
  /** Steps of the lower level a round. */
  lowerSteps?: number
  method?: MethodChoice
}

/** Learns the logarithm of the decay of each layer. */
export function learnDecays(
  lowerRows: Rows,
  upperRows: Rows,
  { rounds = 60, lowerSteps = 10, method = { method: 'conjugate-gradient', iterations: 10 } }: Options = {},
): { layers: Tensor[]; logDecays: Tensor } {
  const layers = WIDTHS.map(width => zeros([width], { dtype: 'float64' }))
  for (const layer of layers) layer.requiresGrad = true
  const logDecays = tensor(
    WIDTHS.map(() => Math.log(0.1)),
    { dtype: 'float64', requiresGrad: true },
  ) // [layers]

  const problem: BilevelProblem<Rows> = {
    lowerLoss: rows => {
      const norms = cat(layers.map(layer => sum(square(layer), { dim: [0], keepdim: true }))) // [layers]
      return add(error(layers, rows), sum(mul(exp(logDecays), norms)))
    },
    upperLoss: rows => error(layers, rows),
    lowerParameters: layers,
    upperParameters: [logDecays],
  }
  const lower = new SGD([{ parameters: layers, learningRate: 0.03 }], { momentum: 0.8 })
  const upper = new AdamW([{ parameters: [logDecays], learningRate: 0.2 }], { weightDecay: 0 })
  const batches = { lowerBatches: new Array<Rows>(lowerSteps).fill(lowerRows), upperBatch: upperRows }
  const options = {
    updateLower: (gradients: readonly Tensor[]) => lower.step(gradients),
    updateUpper: (gradients: readonly Tensor[]) => {
      upper.step(gradients)
      noGrad(() => clamp_(logDecays, { max: Math.log(20) })) // far above it the lower steps are too long for the decay
    },
    hypergradient: method,
  }
  for (let round = 0; round < rounds; round++) scope(() => step(problem, batches, options))
  lower.dispose()
  upper.dispose()
  return { layers, logDecays }
}

/** The solution of the lower problem in closed form: (X^T X / n + diag(decay)) V = X^T y / n. */
export function solve({ blocks, targets }: Rows, decays: readonly number[]): Tensor[] {
  return scope(() => {
    const features = cat(blocks, { dim: 1 }) // [rows, all widths]
    const each = WIDTHS.flatMap((width, i) => new Array<number>(width).fill(decays[i]!))
    const gram = mul(matmul(t(features), features), 1 / targets.shape[0]!)
    const right = mul(mv(t(features), targets), 1 / targets.shape[0]!)
    const all = linalgSolve(add(gram, diagEmbed(tensor(each, { dtype: 'float64' }))), right)
    return [all.narrow(0, 0, WIDTHS[0]!).clone(), all.narrow(0, WIDTHS[0]!, WIDTHS[1]!).clone()]
  })
}

/** Rows whose target is a sum of the first block's features, with noise of variance 1. */
export function makeRows(random: Random, rows: number): Rows {
  const draw = normal(random)
  const blocks = WIDTHS.map(width => Array.from({ length: rows }, () => Array.from({ length: width }, draw)))
  const targets = blocks[0]!.map(row => row.reduce((total, x) => total + x, 0) / 2 + draw())
  const asTensor = (data: number[] | number[][]) => tensor(data, { dtype: 'float64' })
  return { blocks: blocks.map(asTensor), targets: asTensor(targets) }
}

/** Squared errors on many test rows, and the decays found. The noise alone has an error of 1. */
export function compare({ seed, ...options }: Options & { seed: number }) {
  return scope(() => {
    const random = new Random(seed, 'decay')
    const [lowerRows, upperRows, testRows] = [60, 60, 4000].map(rows => makeRows(random, rows)) as [Rows, Rows, Rows]
    const { layers, logDecays } = learnDecays(lowerRows, upperRows, options)
    const [signal, noise] = exp(logDecays).tolist() as [number, number]
    const grid = Array.from({ length: 25 }, (_, i) => 10 ** (-3 + i / 4))
    const onTest = (solution: readonly Tensor[]) => error(solution, testRows).item()
    return {
      learned: onTest(layers),
      /** Of a grid from 0.001 to 1000, the one that is best on the test rows themselves: no single decay does better. */
      bestSingle: Math.min(...grid.map(decay => onTest(solve(lowerRows, [decay, decay])))),
      noDecay: onTest(solve(lowerRows, [0, 0])),
      decayOfSignal: signal,
      decayOfNoise: noise,
    }
  })
}

if (isScript(import.meta.url)) {
  printMeans(
    'Regression, 10 features that matter and 40 of noise',
    [0, 1, 2, 3, 4].map(seed => compare({ seed })),
  )
}
