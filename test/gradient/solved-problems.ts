import type { BilevelProblem } from '../../lib/bilevel/index.ts'
import { dropout } from '../../lib/nn/index.ts'
import { add, crossEntropyLoss, exp, linear, mul, square, sub, sum } from '../../lib/ops/index.ts'
import { type Tensor, tensor } from '../../lib/tensor/index.ts'
import { dot, type Matrix, normals, solveLinear } from './plain-algebra.ts'

/** Rows of features, and what they should give: a row of targets (ridge) or a class (logistic). */
export interface Data<Target> {
  features: Matrix // [rows, in]
  targets: readonly Target[]
}

/**
 * A lower problem with a decay of its own for every weight, exp(m) w^2 / 2, and the same fit on other rows as the upper
 * one; all in plain numbers. Weights and their logarithmic decays are [out, in], written row after row.
 */
export interface DecayProblem {
  shape: [number, number]
  solve(logDecay: readonly number[]): number[]
  /** Second derivatives of the lower loss by all weights. */
  hessian(weights: readonly number[], logDecay: readonly number[]): number[][]
  upperValue(weights: readonly number[]): number
  upperGradient(weights: readonly number[]): number[]
  /** The same problem for the library. `probability`: dropout of the lower level's features. */
  inLibrary(place: {
    weights: Tensor
    logDecay: Tensor
    dtype: 'float64' | 'float32'
    probability?: number
  }): BilevelProblem<null>
}

/**
 * The hypergradient of a solved problem. The mixed derivative is diagonal, exp(m) w, so that implicit differentiation
 * gives - exp(m) w H^-1 v, v the upper gradient.
 */
export function closedForm(
  problem: DecayProblem,
  logDecay: readonly number[],
  weights = problem.solve(logDecay),
): number[] {
  const inverseProduct = solveLinear(problem.hessian(weights, logDecay), problem.upperGradient(weights))
  return weights.map((w, k) => -Math.exp(logDecay[k]!) * w * inverseProduct[k]!)
}

/** The same by solving the lower problem anew at both sides of every logarithmic decay. */
export function solvedDifferences(problem: DecayProblem, logDecay: readonly number[], step = 1e-5): number[] {
  const at = (k: number, offset: number) =>
    problem.upperValue(problem.solve(logDecay.map((value, i) => (i === k ? value + offset : value))))
  return logDecay.map((_, k) => (at(k, step) - at(k, -step)) / (2 * step))
}

const withDecay = (matrix: number[][], logDecay: readonly number[]) =>
  matrix.map((row, i) => row.map((value, k) => value + (i === k ? Math.exp(logDecay[i]!) : 0)))

const penalty = (weights: Tensor, logDecay: Tensor) => mul(sum(mul(exp(logDecay), square(weights))), 0.5)

/** Linear regression with several outputs: half the mean over rows of the squared error. */
export function ridge(lower: Data<readonly number[]>, upper: Data<readonly number[]>): DecayProblem {
  const [out, width] = [lower.targets[0]!.length, lower.features[0]!.length]
  const rowOf = (weights: readonly number[], a: number) => weights.slice(a * width, (a + 1) * width)
  const fit = ({ features, targets }: Data<readonly number[]>, weights: readonly number[]) =>
    features.map((x, i) => targets[i]!.map((y, a) => dot(rowOf(weights, a), x) - y)) // [rows, out]
  const hessian = (logDecay: readonly number[]) => {
    const { features } = lower
    const gram = Array.from({ length: width }, (_, j) =>
      Array.from(
        { length: width },
        (_, k) =>
          dot(
            features.map(x => x[j]!),
            features.map(x => x[k]!),
          ) / features.length,
      ),
    )
    const blocks = logDecay.map((_, i) =>
      logDecay.map((_, k) => (Math.floor(i / width) === Math.floor(k / width) ? gram[i % width]![k % width]! : 0)),
    )
    return withDecay(blocks, logDecay)
  }
  const correlation = ({ features }: Data<unknown>, columns: Matrix) =>
    Array.from(
      { length: out * width },
      (_, k) =>
        dot(
          features.map(x => x[k % width]!),
          columns.map(row => row[Math.floor(k / width)]!),
        ) / features.length,
    )
  return {
    shape: [out, width],
    solve: logDecay => solveLinear(hessian(logDecay), correlation(lower, lower.targets)),
    hessian: (_, logDecay) => hessian(logDecay),
    upperValue: weights => dot(fit(upper, weights).flat(), fit(upper, weights).flat()) / (2 * upper.features.length),
    upperGradient: weights => correlation(upper, fit(upper, weights)),
    inLibrary: ({ weights, logDecay, dtype, probability = 0 }) => {
      const loss = (data: Data<readonly number[]>, p: number) => {
        const [x, y] = [data.features, data.targets].map(list =>
          tensor(
            list.map(row => [...row]),
            { dtype },
          ),
        )
        return mul(sum(square(sub(linear(dropout(x!, p), weights), y!))), 0.5 / data.features.length)
      }
      return {
        lowerLoss: () => add(loss(lower, probability), penalty(weights, logDecay)),
        upperLoss: () => loss(upper, 0),
        lowerParameters: [weights],
        upperParameters: [logDecay],
      }
    },
  }
}

/** Softmax regression: the mean over rows of the cross entropy; solved by Newton's method. */
export function logistic(lower: Data<number>, upper: Data<number>, classes: number): DecayProblem {
  const width = lower.features[0]!.length
  const size = classes * width
  const probabilities = (x: readonly number[], weights: readonly number[]) => {
    const scores = Array.from({ length: classes }, (_, a) =>
      Math.exp(dot(weights.slice(a * width, (a + 1) * width), x)),
    )
    const total = scores.reduce((sum, score) => sum + score, 0)
    return scores.map(score => score / total)
  }
  const mean = ({ features, targets }: Data<number>, ofRow: (x: readonly number[], label: number) => number) =>
    features.reduce((total, x, i) => total + ofRow(x, targets[i]!), 0) / features.length
  const fitGradient = (data: Data<number>, weights: readonly number[]) =>
    Array.from({ length: size }, (_, i) => {
      const [a, j] = [Math.floor(i / width), i % width]
      return mean(data, (x, label) => (probabilities(x, weights)[a]! - Number(label === a)) * x[j]!)
    })
  const hessian = (weights: readonly number[], logDecay: readonly number[]) => {
    const all = lower.features.map(x => probabilities(x, weights))
    const entry = (i: number, k: number) => {
      const [a, b] = [Math.floor(i / width), Math.floor(k / width)]
      const terms = lower.features.map(
        (x, row) => all[row]![a]! * (Number(a === b) - all[row]![b]!) * x[i % width]! * x[k % width]!,
      )
      return terms.reduce((total, term) => total + term, 0) / terms.length
    }
    const matrix = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, k) => entry(i, k)))
    return withDecay(matrix, logDecay)
  }
  const solve = (logDecay: readonly number[]) => {
    let weights = new Array<number>(size).fill(0)
    for (let iteration = 0; iteration < 12; iteration++) {
      const gradient = fitGradient(lower, weights).map((g, i) => g + Math.exp(logDecay[i]!) * weights[i]!)
      const step = solveLinear(hessian(weights, logDecay), gradient)
      weights = weights.map((w, i) => w - step[i]!)
      if (Math.hypot(...gradient) < 1e-14) break
    }
    return weights
  }
  return {
    shape: [classes, width],
    solve,
    hessian,
    upperValue: weights => mean(upper, (x, label) => -Math.log(probabilities(x, weights)[label]!)),
    upperGradient: weights => fitGradient(upper, weights),
    inLibrary: ({ weights, logDecay, dtype, probability = 0 }) => {
      const loss = (data: Data<number>, p: number) => {
        const x = tensor(
          data.features.map(row => [...row]),
          { dtype },
        )
        return crossEntropyLoss(linear(dropout(x, p), weights), tensor([...data.targets], { dtype: 'int64' }))
      }
      return {
        lowerLoss: () => add(loss(lower, probability), penalty(weights, logDecay)),
        upperLoss: () => loss(upper, 0),
        lowerParameters: [weights],
        upperParameters: [logDecay],
      }
    },
  }
}

/** Data of a linear model with noise: regression targets, and the class of the largest one. */
export function drawData(seed: number, rows: number, out: number, width: number) {
  const normal = normals(seed)
  const list = (length: number) => Array.from({ length }, normal)
  const truth = Array.from({ length: out }, () => list(width))
  const draw = () => {
    const features = Array.from({ length: rows }, () => list(width))
    const targets = features.map(x => truth.map(row => dot(row, x) + 0.5 * normal()))
    return { features, targets, classes: targets.map(row => row.indexOf(Math.max(...row))) }
  }
  return { lower: draw(), upper: draw() }
}
