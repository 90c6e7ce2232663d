// Weights of single examples under label noise: which rows of a badly labelled data set are to be believed?
//
//     lower:  V*(w) = argmin_V  mean over the noisy rows of  w[row] * loss(V; row)       V: a small classifier
//     upper:  min_w             mean over a few clean rows of  loss(V*(w); row)          0 <= w[row] <= 1
//
// The upper loss does not contain w: its direct gradient is zero, and the method `first-order` learns nothing. All comes
// through the lower solution. (Ren et al. 2018, "Learning to Reweight Examples for Robust Deep Learning".)
//
//     node dist/test/examples/label-noise.js             generated data, a few seconds
//     node dist/test/examples/label-noise.js --sst2      SST-2 in ../shared/data, sentence embeddings of MiniLM
import { type BilevelProblem, type MethodChoice, step } from 'bidora-torch/bilevel'
import { Random, shuffle } from 'bidora-torch/data'
import { AdamW } from 'bidora-torch/optim'
import { cat, clamp_, clone, full, mean, mul, noGrad, scope, type Tensor } from 'bidora-torch/torch'
import { blobs } from './generated.ts'
import { type Examples, Head, type Rows, toRows, trainAndTest } from './head.ts'
import { isScript, printMeans } from './script.ts'
import { loadSentiment, pick, type Sentiment } from './sentences.ts'

export interface Task {
  /** Rows with their true labels, of which a share is turned round. */
  rows: Examples
  flippedShare: number
  clean: Examples
  test: Examples
  /** Of the lower level. */
  learningRate: number
}

export interface Options {
  seed: number
  /** Rounds of the search, one lower and one upper step each; and steps of every other training. */
  steps?: number
  method?: MethodChoice
}

/** Learns a weight for each noisy row. Gives the head of the last round too. */
export function learnWeights(
  noisy: Rows,
  clean: Rows,
  { seed, learningRate, steps = 200, method = { method: 'finite-difference' } }: Options & { learningRate: number },
): { weights: Tensor; head: Head } {
  const [count, width] = noisy.features.shape as [number, number]
  const head = new Head(width, { seed })
  const weights = full([count], 0.5)
  weights.requiresGrad = true

  // The whole problem. A batch is all rows here; it may be anything that the losses understand.
  const problem: BilevelProblem<Rows> = {
    lowerLoss: rows => mean(mul(head.losses(rows), weights)),
    upperLoss: rows => mean(head.losses(rows)),
    lowerParameters: head.parameters(),
    upperParameters: [weights],
  }
  const lower = new AdamW([{ parameters: problem.lowerParameters, learningRate }], { weightDecay: 0 })
  const upper = new AdamW([{ parameters: problem.upperParameters, learningRate: 0.01 }], { weightDecay: 0 })
  const options = {
    updateLower: (gradients: readonly Tensor[]) => lower.step(gradients),
    // An update is a function, so a projection is no more than a line. At exactly 0 a row is out for as long as the
    // lower level trains; a sigmoid never gets there, and a long training fits what is left of every row.
    updateUpper: (gradients: readonly Tensor[]) => {
      upper.step(gradients)
      noGrad(() => clamp_(weights, { min: 0, max: 1 }))
    },
    hypergradient: method,
  }
  for (let round = 0; round < steps; round++) {
    scope(() => step(problem, { lowerBatches: [noisy], upperBatch: clean }, options))
  }
  lower.dispose()
  upper.dispose()
  return { weights: noGrad(() => clone(weights)), head }
}

/** Accuracies on the test rows in percent, each after equally many steps. */
export function compare({ rows, flippedShare, clean, test, learningRate }: Task, options: Options) {
  const { seed, steps = 200 } = options
  const order = shuffle(rows.labels.keys(), new Random(seed, 'flip'))
  const wrong = new Set(order.slice(0, Math.round(flippedShare * order.length)))
  const labels = rows.labels.map((label, row) => (wrong.has(row) ? 1 - label : label))
  return scope(() => {
    const [noisy, few, tested] = [{ ...rows, labels }, clean, test].map(toRows) as [Rows, Rows, Rows]
    const both = { features: cat([noisy.features, few.features]), labels: cat([noisy.labels, few.labels]) }
    const { weights, head } = learnWeights(noisy, few, { ...options, learningRate })
    const found = weights.tolist() as number[]
    const outcome = {
      cleanLabels: trainAndTest(toRows(rows), tested, { seed, steps }),
      noisy: trainAndTest(noisy, tested, { seed, steps }),
      noisyAndClean: trainAndTest(both, tested, { seed, steps }),
      cleanAlone: trainAndTest(few, tested, { seed, steps }),
      /** The head of the search. */
      reweighted: head.accuracy(tested),
      /** A new head: nothing but the weights differs from `noisy`. */
      retrained: trainAndTest(noisy, tested, { seed, steps, weights }),
      weightOfWrong: average(found.filter((_, row) => wrong.has(row))),
      weightOfRight: average(found.filter((_, row) => !wrong.has(row))),
    }
    head.dispose()
    return outcome
  })
}

/** Blobs: 400 rows, 30 % of their labels flipped, and 60 clean ones. */
export function generatedTask(seed: number): Task {
  const random = new Random(seed, 'blobs')
  const [rows, clean, test] = [400, 60, 1000].map(count => blobs(random, { rows: count })) as [
    Examples,
    Examples,
    Examples,
  ]
  return { rows, flippedShare: 0.3, clean, test, learningRate: 1e-3 }
}

/** SST-2: of 2,100 rows 100 clean ones, drawn anew for each seed, and 30 % of the other labels flipped. */
export function sentimentTask({ sst2: { train, validation } }: Sentiment, seed: number): Task {
  const order = shuffle(train.labels.keys(), new Random(seed, 'clean'))
  const [rows, clean] = [pick(train, order.slice(100)), pick(train, order.slice(0, 100))]
  return { rows, flippedShare: 0.3, clean, test: validation, learningRate: 3e-4 }
}

function average(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length
}

if (isScript(import.meta.url)) {
  const real = process.argv.includes('--sst2') ? await loadSentiment() : undefined
  const runs = [0, 1, 2, 3, 4].map(seed => compare(real ? sentimentTask(real, seed) : generatedTask(seed), { seed }))
  printMeans(real ? 'SST-2: 2000 rows, 30 % flipped, 100 clean' : 'Blobs: 400 rows, 30 % flipped, 60 clean', runs)
}
