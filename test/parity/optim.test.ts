import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { noGrad } from '../../lib/autograd/index.ts'
import { readSafetensors } from '../../lib/io/index.ts'
import * as ops from '../../lib/ops/index.ts'
import {
  AdamW,
  clipByGlobalNorm_,
  learningRateAt,
  type Optimizer,
  type ScheduleKind,
  SGD,
} from '../../lib/optim/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'

interface References {
  tensors: string[]
}

interface Case {
  id: string
  optimizer: 'adamw' | 'sgd'
  path: 'single' | 'foreach' | 'fused'
  dtype: 'float64' | 'float32'
  options: Record<string, number | boolean | [number, number]>
  initial: References
  gradients: References
  rates?: number[]
  snapshots: { step: number; parameters: References; state: Record<string, References | undefined> }[]
}

const folder = resolve('test/golden/optim')
const read = <T>(file: string): T => JSON.parse(readFileSync(resolve(folder, file), 'utf8')) as T
const { cases } = read<{ cases: Case[] }>('cases.json')

/** Bit for bit in float32 against torch's single-tensor and foreach paths; its fused kernel rounds otherwise. */
function toleranceOf({ dtype, path }: Case): number {
  if (dtype === 'float64') return 1e-14
  return path === 'fused' ? 1e-6 : 0
}

function assertEqual(got: Tensor, wanted: Tensor, relative: number, what: string): void {
  assert.deepEqual(got.shape, wanted.shape, what)
  const [values, expected] = [got.data() as Float64Array, wanted.data() as Float64Array]
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  values.forEach((value, index) => {
    const allowed = relative * largest
    assert.ok(
      Math.abs(value - expected[index]!) <= allowed,
      `${what}[${index}]: expected ${expected[index]}, got ${value}`,
    )
  })
}

function makeOptimizer({ optimizer, options }: Case, parameters: Tensor[]): Optimizer {
  const { lr, betas, eps, weightDecay, ...rest } = options
  const group = { parameters, learningRate: lr as number, weightDecay: weightDecay as number }
  if (optimizer === 'sgd') return new SGD([group], rest)
  return new AdamW([group], { betas: betas as [number, number], eps: eps as number })
}

describe('optimisers against torch', () => {
  let golden: Map<string, Tensor>
  before(() => {
    golden = readSafetensors(resolve(folder, 'tensors.safetensors'), { copy: true })
  })
  after(() => {
    for (const tensor of golden.values()) tensor.dispose()
  })
  const all = ({ tensors }: References) => tensors.map(key => golden.get(key)!)

  it('has cases of every kind', () => {
    assert.ok(cases.length >= 50, `${cases.length} cases`)
    for (const path of ['single', 'foreach', 'fused']) assert.ok(cases.some(item => item.path === path))
  })

  for (const item of cases) {
    it(`${item.id}: 100 steps`, () => {
      const parameters = all(item.initial).map(value => {
        const parameter = ops.clone(value)
        parameter.requiresGrad = true
        return parameter
      })
      const optimizer = makeOptimizer(item, parameters)
      const gradients = all(item.gradients)
      for (let step = 1; step <= 100; step++) {
        if (item.rates) optimizer.groups[0]!.learningRate = item.rates[step - 1]!
        scope(() => optimizer.step(gradients.map(rows => ops.select(rows, 0, step - 1))))
        const snapshot = item.snapshots.find(candidate => candidate.step === step)
        if (!snapshot) continue
        const tolerance = toleranceOf(item)
        all(snapshot.parameters).forEach((wanted, index) => {
          assertEqual(parameters[index]!, wanted, tolerance, `step ${step}, parameter ${index}`)
        })
        const { tensors } = optimizer.state()
        for (const [name, references] of Object.entries(snapshot.state)) {
          if (references === undefined) continue
          all(references).forEach((wanted, index) => {
            assertEqual(tensors[`${index}.${name}`]!, wanted, tolerance, `step ${step}, ${name} ${index}`)
          })
        }
      }
      optimizer.dispose()
      for (const parameter of parameters) parameter.dispose()
    })
  }

  interface ClipCase {
    id: string
    dtype: 'float64' | 'float32'
    maxNorm: number
    gradients: References
    totalNorm: { tensor: string }
    clipped: References
  }
  for (const item of read<{ cases: ClipCase[] }>('clip.json').cases) {
    it(`clipping: ${item.id}`, () => {
      scope(() => {
        const gradients = noGrad(() => all(item.gradients).map(gradient => ops.clone(gradient)))
        const norm = clipByGlobalNorm_(gradients, item.maxNorm)
        const tolerance = item.dtype === 'float64' ? 1e-14 : 1e-6
        assertEqual(norm, golden.get(item.totalNorm.tensor)!, tolerance, 'norm')
        all(item.clipped).forEach((wanted, index) => {
          assertEqual(gradients[index]!, wanted, tolerance, `gradient ${index}`)
        })
      })
    })
  }
})

describe('schedules against transformers', () => {
  interface ScheduleCase {
    id: string
    name: 'linear' | 'cosine' | 'constant' | 'constant-with-warmup'
    warmupSteps: number
    totalSteps: number
    lr: number
    rates: number[]
  }
  for (const { id, name, warmupSteps, totalSteps, lr, rates } of read<{ cases: ScheduleCase[] }>('schedules.json')
    .cases) {
    it(id, () => {
      const kind: ScheduleKind = name === 'constant-with-warmup' ? 'constant' : name
      const schedule = { kind, learningRate: lr, steps: totalSteps, warmupSteps: name === 'constant' ? 0 : warmupSteps }
      rates.forEach((rate, step) => {
        const got = learningRateAt(schedule, step)
        assert.ok(Math.abs(got - rate) <= 1e-15 * lr, `step ${step}: expected ${rate}, got ${got}`)
      })
    })
  }
})
