// Mixing several training sets: which source helps the task at hand?
//
//     lower:  V*(m) = argmin_V  sum over sources of  softmax(m)[source] * mean loss(V; rows of the source)
//     upper:  min_m             mean loss(V*(m); a few rows of the target task)
//
//     node dist/test/examples/source-mixing.js           generated data, a second
//     node dist/test/examples/source-mixing.js --sst2    SST-2 and RTE in ../shared/data
import { type BilevelProblem, type MethodChoice, step } from 'bidora-torch/bilevel'
import { Random, shuffle } from 'bidora-torch/data'
import { AdamW } from 'bidora-torch/optim'
import { cat, mean, mul, noGrad, scope, softmax, stack, sum, type Tensor, tensor, zeros } from 'bidora-torch/torch'
import { blobs } from './generated.ts'
import { type Examples, Head, type Rows, toRows, trainAndTest } from './head.ts'
import { isScript, printMeans } from './script.ts'
import { loadSentiment, pick, type Sentiment } from './sentences.ts'

export interface Options {
  seed: number
  /** Rounds of the search, one lower and one upper step each; and steps of every other training. */
  steps?: number
  method?: MethodChoice
}

/** Learns the share of each source: numbers above 0 whose sum is 1. */
export function learnMix(
  sources: readonly Rows[],
  target: Rows,
  { seed, steps = 200, method = { method: 'finite-difference' } }: Options,
): number[] {
  return scope(() => {
    const head = new Head(target.features.shape[1]!, { seed })
    const logits = zeros([sources.length])
    logits.requiresGrad = true
    const shares = () => softmax(logits, 0)

    const problem: BilevelProblem<readonly Rows[], Rows> = {
      lowerLoss: all => sum(mul(shares(), stack(all.map(rows => mean(head.losses(rows)))))),
      upperLoss: rows => mean(head.losses(rows)),
      lowerParameters: head.parameters(),
      upperParameters: [logits],
    }
    const lower = new AdamW([{ parameters: problem.lowerParameters, learningRate: 1e-3 }], { weightDecay: 0 })
    const upper = new AdamW([{ parameters: problem.upperParameters, learningRate: 0.02 }], { weightDecay: 0 })
    const options = {
      updateLower: (gradients: readonly Tensor[]) => lower.step(gradients),
      updateUpper: (gradients: readonly Tensor[]) => upper.step(gradients),
      hypergradient: method,
    }
    for (let round = 0; round < steps; round++) {
      scope(() => step(problem, { lowerBatches: [sources], upperBatch: target }, options))
    }
    const result = noGrad(() => shares().tolist()) as number[]
    lower.dispose()
    upper.dispose()
    head.dispose()
    return result
  })
}

export interface Task {
  /** By usefulness as it is known: the most useful first. */
  sources: [same: Examples, other: Examples, misleading: Examples]
  target: Examples
  test: Examples
}

/** Accuracies on the test rows (percent), each head new and after equally many steps; and the shares found. */
export function compare(task: Task, options: Options) {
  const { seed, steps = 200 } = options
  return scope(() => {
    const sources = task.sources.map(toRows)
    const [target, test] = [task.target, task.test].map(toRows) as [Rows, Rows]
    const shares = learnMix(sources, target, options)
    const all = { features: cat(sources.map(rows => rows.features)), labels: cat(sources.map(rows => rows.labels)) }
    const withShares = (mix: readonly number[]) => {
      const weights = sources.flatMap(({ labels }, i) => new Array<number>(labels.numel).fill(mix[i]! / labels.numel))
      return trainAndTest(all, test, { seed, steps, weights: tensor(weights) })
    }
    return {
      learned: withShares(shares),
      uniform: withShares([1, 1, 1]),
      targetAlone: trainAndTest(target, test, { seed, steps }),
      bestSource: withShares([1, 0, 0]),
      shareOfSame: shares[0]!,
      shareOfOther: shares[1]!,
      shareOfMisleading: shares[2]!,
    }
  })
}

const relabel = (examples: Examples, change: (label: number) => number): Examples => ({
  features: examples.features,
  labels: examples.labels.map(change),
})

/** Blobs: the task itself; the task turned by 45 degrees, more rows; labels drawn by lot. */
export function generatedTask(seed: number): Task {
  const random = new Random(seed, 'sources')
  return {
    sources: [
      blobs(random, { rows: 100 }),
      blobs(random, { rows: 200, angle: Math.PI / 4 }),
      relabel(blobs(random, { rows: 200 }), () => random.below(2)),
    ],
    target: blobs(random, { rows: 40 }),
    test: blobs(random, { rows: 1000 }),
  }
}

/** Sentiment of 500 SST-2 rows; entailment (RTE's hypotheses), which has nothing to do with it; 500 rows upside down. */
export function sentimentTask({ sst2, rte }: Sentiment, seed: number): Task {
  const order = shuffle(sst2.train.labels.keys(), new Random(seed, 'sources'))
  const rows = (from: number, to: number) => pick(sst2.train, order.slice(from, to))
  return {
    sources: [rows(0, 500), rte, relabel(rows(500, 1000), label => 1 - label)],
    target: rows(1000, 1100),
    test: sst2.validation,
  }
}

if (isScript(import.meta.url)) {
  const real = process.argv.includes('--sst2') ? await loadSentiment() : undefined
  const task = (seed: number) => (real ? sentimentTask(real, seed) : generatedTask(seed))
  const runs = [0, 1, 2, 3, 4].map(seed => compare(task(seed), { seed }))
  printMeans(
    real ? 'SST-2 rows, RTE rows, SST-2 rows upside down' : 'Blobs: same task, turned task, random labels',
    runs,
  )
}
