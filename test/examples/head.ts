import { crossEntropy, Linear, Module } from 'bidora-torch/nn'
import { AdamW } from 'bidora-torch/optim'
import {
  argmax,
  div,
  grad,
  manualSeed,
  mean,
  mul,
  noGrad,
  relu,
  scope,
  sum,
  type Tensor,
  tensor,
} from 'bidora-torch/torch'

// What the examples train: a small classifier on features that are there already. Nothing in this file knows of levels.

/** Plain data: a vector for each row, and the index of its class. */
export interface Examples {
  features: readonly Float32Array[]
  labels: readonly number[]
}

/** The same as tensors. */
export interface Rows {
  features: Tensor // [rows, width]
  labels: Tensor // [rows] int64
}

export function toRows({ features, labels }: Examples): Rows {
  const width = features[0]!.length
  const flat = new Float32Array(features.length * width)
  features.forEach((row, i) => flat.set(row, i * width))
  return {
    features: tensor(flat, { shape: [features.length, width] }),
    labels: tensor(labels, { dtype: 'int64' }),
  }
}

/** One hidden layer and two classes. */
export class Head extends Module {
  readonly hidden: Linear
  readonly output: Linear

  constructor(width: number, { seed, hidden = 16 }: { seed: number; hidden?: number }) {
    super()
    manualSeed(seed)
    this.hidden = new Linear(width, hidden)
    this.output = new Linear(hidden, 2)
  }

  /** Cross-entropy of each row, [rows]. */
  losses({ features, labels }: Rows): Tensor {
    return crossEntropy(this.forward(features), labels, { reduction: 'none' })
  }

  forward(features: Tensor): Tensor {
    return this.output.forward(relu(this.hidden.forward(features))) // [rows, 2]
  }

  /** Share of the rows whose larger logit is the label's, in percent. */
  accuracy({ features, labels }: Rows): number {
    const found = noGrad(() => scope(() => argmax(this.forward(features), { dim: 1 }).tolist())) as number[]
    const wanted = labels.tolist() as number[]
    return (100 * wanted.filter((label, row) => found[row] === label).length) / wanted.length
  }
}

/** Accuracy on `test` of a new head after `steps` of AdamW on all rows, each row's loss times its weight (1). */
export function trainAndTest(
  rows: Rows,
  test: Rows,
  { seed, steps, weights }: { seed: number; steps: number; weights?: Tensor },
): number {
  const head = new Head(rows.features.shape[1]!, { seed })
  const parameters = head.parameters()
  const optimizer = new AdamW([{ parameters, learningRate: 1e-3 }], { weightDecay: 0 })
  for (let i = 0; i < steps; i++) {
    scope(() => {
      const losses = head.losses(rows)
      optimizer.step(grad(weights ? div(sum(mul(losses, weights)), sum(weights)) : mean(losses), parameters))
    })
  }
  const accuracy = head.accuracy(test)
  optimizer.dispose()
  head.dispose()
  return accuracy
}
