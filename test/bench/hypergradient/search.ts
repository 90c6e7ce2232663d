import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import {
  adaptedLayers,
  forgetConstants,
  orthogonality,
  prepareModel,
  trainableParameters,
} from '../../../lib/adapters/index.ts'
import { type BilevelProblem, hypergradient } from '../../../lib/bilevel/index.ts'
import { classificationLoss, loadModel } from '../../../lib/models/index.ts'
import { useAttentionKernel } from '../../../lib/nn/index.ts'
import { AdamW } from '../../../lib/optim/index.ts'
import { findModel } from '../../../lib/setup/assets.ts'
import { add, autocast, copy_, grad, manualSeed, mul, noGrad, scope, type Tensor, tensor } from '../../../lib/torch.ts'
import { root } from '../../parity/golden.ts'
import { type LoadedBatch, loadBatch, makeBatches, type PlainBatch } from '../work.ts'

/** The search that the points are taken from: MiniLM, query and value adapted, the first rows of SST-2. */
export const SEARCH = {
  steps: 80,
  batchSize: 8,
  rank: 8,
  loraAlpha: 16,
  lowerRate: 2e-3,
  upperRate: 3e-3,
  gamma: 1e-5,
}
/** Steps after which the error is measured: the first upper step, the middle and the end. */
export const POINTS = { start: 1, middle: 40, end: 80 } as const
export type PointName = keyof typeof POINTS
export type Precision = 'float64' | 'float32' | 'bfloat16'

const betas = [0.9, 0.999] as const
const eps = 1e-8

/** What the search left at one point: values by name, the batches of that step, Adam's state of the lower level. */
export interface Point {
  name: PointName
  values: Record<string, Float32Array>
  adam: { expAvg: Float32Array[]; expAvgSq: Float32Array[]; gradient: Float32Array[] }
  lowerBatch: PlainBatch
  upperBatch: PlainBatch
}

export type Problem = BilevelProblem<LoadedBatch> & {
  lowerNames: string[]
  upperNames: string[]
  set: (values: Point['values']) => void
  dropout: (on: boolean) => void
  dispose: () => void
}

/** The model as a two-level problem; with bfloat16 it is float32 with autocast in its losses. */
export function makeProblem(precision: Precision): Problem {
  manualSeed(0)
  const dtype = precision === 'float64' ? 'float64' : 'float32'
  const model = loadModel(findModel(), { head: 'new', labels: ['0', '1'], dtype })
  const { rank, loraAlpha, gamma } = SEARCH
  prepareModel(model, { method: 'bidora', rank, loraAlpha, targetModules: ['query', 'value'] })
  useAttentionKernel(model, 'explicit')
  const layers = [...adaptedLayers(model).values()]
  const { lower, upper } = trainableParameters(model)
  const wrapped = <T>(fn: () => T) => (precision === 'bfloat16' ? autocast('bfloat16', fn) : fn())
  const task = ({ inputs, labels }: LoadedBatch) =>
    wrapped(() => classificationLoss(model.forward(inputs).logits, labels, 'single-label'))
  return {
    lowerLoss: batch => add(task(batch), mul(orthogonality(layers), gamma)),
    upperLoss: task,
    lowerParameters: lower.map(([, parameter]) => parameter),
    upperParameters: upper.map(([, parameter]) => parameter),
    lowerNames: lower.map(([name]) => name),
    upperNames: upper.map(([name]) => name),
    set: values =>
      noGrad(() => [...lower, ...upper].forEach(([name, parameter]) => void copyInto(parameter, values[name]!))),
    dropout: on => void model.train(on),
    dispose: () => {
      for (const { weight } of layers) forgetConstants(weight)
      model.dispose()
    },
  }
}

function copyInto(parameter: Tensor, values: Float32Array): void {
  scope(() => copy_(parameter, tensorLike(parameter, values)))
}

/** A point's numbers as a tensor like a parameter: float32 values widened where that is float64. */
export function tensorLike({ shape, dtype }: Tensor, values: Float32Array): Tensor {
  return tensor(values, { shape }).to({ dtype })
}

/** The points, from the search that an earlier run made with the same settings, or from a new one. */
export async function pointsOf(data: string | undefined): Promise<Point[]> {
  const file = join(root, 'build/bench/hypergradient-points.bin')
  if (existsSync(file)) {
    const kept = deserialize(readFileSync(file)) as { settings: string; points: Point[] }
    if (kept.settings === JSON.stringify(SEARCH)) return kept.points
  }
  const points = await search(data)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, serialize({ settings: JSON.stringify(SEARCH), points }))
  return points
}

/** Runs the search in float32 with dropout, and notes the points. */
async function search(data: string | undefined): Promise<Point[]> {
  const { steps, batchSize, lowerRate, upperRate } = SEARCH
  const plain = await makeBatches({ name: 'SST-2', dataset: 'sst2', batchSize }, 2 * steps, data)
  const problem = makeProblem('float32')
  problem.dropout(true)
  const { lowerParameters, upperParameters, lowerNames, upperNames } = problem
  const lower = new AdamW([{ parameters: lowerParameters, learningRate: lowerRate }], { betas, eps })
  const upper = new AdamW([{ parameters: upperParameters, learningRate: upperRate, weightDecay: 0 }])
  const points: Point[] = []
  const copyOf = (value: Tensor) => (value.data() as Float32Array).slice()
  for (let step = 1; step <= steps; step++) {
    const [lowerBatch, upperBatch] = [loadBatch(plain[2 * step - 2]!), loadBatch(plain[2 * step - 1]!)]
    scope(() => {
      const gradient = grad(problem.lowerLoss(lowerBatch), [...lowerParameters])
      lower.step(gradient)
      const name = Object.entries(POINTS).find(([, at]) => at === step)?.[0] as PointName | undefined
      if (name) {
        const all = [...lowerParameters, ...upperParameters]
        points.push({
          name,
          values: Object.fromEntries([...lowerNames, ...upperNames].map((path, i) => [path, copyOf(all[i]!)])),
          adam: {
            expAvg: lower.expAvg.map(value => copyOf(value!)),
            expAvgSq: lower.expAvgSq.map(value => copyOf(value!)),
            gradient: gradient.map(copyOf),
          },
          lowerBatch: plain[2 * step - 2]!,
          upperBatch: plain[2 * step - 1]!,
        })
      }
      upper.step(hypergradient(problem, { lowerBatch, upperBatch, method: 'finite-difference' }))
    })
  }
  lower.dispose()
  upper.dispose()
  problem.dispose()
  return points
}

export const adamSettings = { learningRate: SEARCH.lowerRate, betas, eps }
