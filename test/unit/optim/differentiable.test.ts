import assert from 'node:assert/strict'
import { grad, gradcheck, noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import * as ops from '../../../lib/ops/index.ts'
import {
  AdamW,
  type DifferentiableState,
  type DifferentiableStep,
  differentiableAdamW,
  differentiableSGD,
  type Optimizer,
  SGD,
} from '../../../lib/optim/index.ts'
import { type DType, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const SHAPES = [[3, 2], [4]]
const drawn = (dtype: DType) => SHAPES.map(shape => ops.randn(shape, { dtype }))

type Case = [
  string,
  (learningRate: number) => DifferentiableStep,
  (parameters: Tensor[], learningRate: number) => Optimizer,
]
const cases: Case[] = [
  [
    'SGD',
    learningRate => differentiableSGD({ learningRate, weightDecay: 0.1 }),
    (parameters, learningRate) => new SGD([{ parameters, learningRate }], { weightDecay: 0.1 }),
  ],
  [
    'SGD with momentum',
    learningRate => differentiableSGD({ learningRate, momentum: 0.9, dampening: 0.2, weightDecay: 0.1 }),
    (parameters, learningRate) =>
      new SGD([{ parameters, learningRate }], { momentum: 0.9, dampening: 0.2, weightDecay: 0.1 }),
  ],
  [
    'SGD with nesterov',
    learningRate => differentiableSGD({ learningRate, momentum: 0.9, nesterov: true }),
    (parameters, learningRate) => new SGD([{ parameters, learningRate }], { momentum: 0.9, nesterov: true }),
  ],
  [
    'AdamW',
    learningRate => differentiableAdamW({ learningRate, weightDecay: 0.1 }),
    (parameters, learningRate) => new AdamW([{ parameters, learningRate, weightDecay: 0.1 }]),
  ],
  [
    'AdamW without decay',
    learningRate => differentiableAdamW({ learningRate, betas: [0.8, 0.95], eps: 1e-4, weightDecay: 0 }),
    (parameters, learningRate) =>
      new AdamW([{ parameters, learningRate, weightDecay: 0 }], { betas: [0.8, 0.95], eps: 1e-4 }),
  ],
]

describe('differentiable steps', () => {
  for (const [name, differentiable, make] of cases) {
    for (const dtype of ['float64', 'float32'] as const)
      it(`${name}: five steps are those of the optimiser, bit for bit (${dtype})`, () =>
        scope(() => {
          const start = drawn(dtype)
          const moved = start.map(value => ops.clone(value))
          const optimizer = make(moved, 0.05)
          const step = differentiable(0.05)
          let now: { parameters: readonly Tensor[]; state: DifferentiableState } = { parameters: start, state: {} }
          for (let i = 0; i < 5; i++) {
            const gradients = drawn(dtype)
            optimizer.step(gradients)
            now = step(now.parameters, gradients, now.state)
          }
          now.parameters.forEach((value, i) => assert.deepEqual(value.tolist(), moved[i]!.tolist()))
          optimizer.dispose()
        }))

    it(`${name}: derivatives of two steps are those of central differences`, () =>
      scope(() => {
        const step = differentiable(0.05)
        const leaves = [...drawn('float64'), ...drawn('float64'), ...drawn('float64')]
        for (const leaf of leaves) leaf.requiresGrad = true
        gradcheck((...all) => {
          const [parameters, first, second] = [all.slice(0, 2), all.slice(2, 4), all.slice(4)]
          const middle = step(parameters, first, {})
          const { parameters: next, state } = step(middle.parameters, second, middle.state)
          return [...next, ...Object.values(state).flatMap(value => (typeof value === 'number' ? [] : value))]
        }, leaves)
      }))

    it(`${name}: changes nothing in place`, () =>
      scope(() => {
        const [parameters, gradients] = [drawn('float64'), drawn('float64')]
        const first = differentiable(0.05)(parameters, gradients, {})
        const before = [...parameters, ...gradients, ...first.parameters].map(value => value.version)
        differentiable(0.05)(first.parameters, gradients, first.state)
        assert.deepEqual(
          [...parameters, ...gradients, ...first.parameters].map(value => value.version),
          before,
        )
      }))
  }

  it('AdamW: at a zero gradient the derivative is finite, and the true one', () =>
    scope(() => {
      const gradient = tensor([0, 0.5], { dtype: 'float64', requiresGrad: true })
      const step = differentiableAdamW({ learningRate: 0.01, eps: 1e-3 })
      const parameter = tensor([1, 2], { dtype: 'float64' })
      const [derivative] = grad(ops.sum(step([parameter], [gradient], {}).parameters[0]!), [gradient])
      const [atZero] = derivative!.tolist() as number[]
      assert.ok(Math.abs(atZero! + 0.01 / 1e-3) < 1e-12, `${atZero}`) // - learningRate / eps: the step is -0.01 g / (|g| + eps)
    }))

  for (const [name, make] of [
    [
      'SGD',
      (learningRate: Tensor[], weightDecay: Tensor | number) =>
        differentiableSGD({ learningRate, momentum: 0.9, weightDecay }),
    ],
    [
      'AdamW',
      (learningRate: Tensor[], weightDecay: Tensor | number) => differentiableAdamW({ learningRate, weightDecay }),
    ],
  ] as const)
    it(`${name}: rates and decay as tensors have their derivatives, and give the step that numbers give`, () =>
      scope(() => {
        const rates = [0.05, 0.1].map(rate => tensor(rate, { dtype: 'float64', requiresGrad: true }))
        const weightDecay = tensor(0.2, { dtype: 'float64', requiresGrad: true })
        const [parameters, gradients] = [drawn('float64'), drawn('float64')]
        gradcheck(
          (first, second, decay) => {
            const step = make([first!, second!], decay!)
            const middle = step(parameters, gradients, {})
            return step(middle.parameters, gradients, middle.state).parameters
          },
          [...rates, weightDecay],
        )
        const numbers =
          name === 'SGD'
            ? differentiableSGD({ learningRate: [0.05, 0.1], momentum: 0.9, weightDecay: 0.2 })
            : differentiableAdamW({ learningRate: [0.05, 0.1], weightDecay: 0.2 })
        const expected = numbers(parameters, gradients, {}).parameters
        for (const decay of [weightDecay, 0.2])
          noGrad(() => make(rates, decay)(parameters, gradients, {})).parameters.forEach((value, i) =>
            assert.ok(ops.allclose(value, expected[i]!, { rtol: 1e-14, atol: 1e-15 })),
          )
      }))

  it('refuses options and lists that do not fit', () =>
    scope(() => {
      const refused = (fn: () => unknown, expected: RegExp) =>
        assert.throws(fn, (error: Error) => error instanceof ArgumentError && expected.test(error.message))
      refused(
        () => differentiableSGD({ learningRate: -1 }),
        /differentiableSGD: learningRate must be at least 0, got -1/,
      )
      refused(() => differentiableSGD({ learningRate: 1, nesterov: true }), /nesterov needs a momentum above 0/)
      refused(
        () => differentiableSGD({ learningRate: 1, momentum: 0.9, dampening: 0.1, nesterov: true }),
        /dampening 0, got 0.9 and 0.1/,
      )
      refused(() => differentiableSGD({ learningRate: tensor([1, 2]) }), /must have one element, got shape \[2\]/)
      refused(
        () => differentiableAdamW({ learningRate: 1, betas: [1, 0] }),
        /betas\[0\] must be at least 0 and below 1/,
      )
      refused(() => differentiableAdamW({ learningRate: 1, eps: Number.NaN }), /eps must be at least 0/)
      const [parameters, step] = [drawn('float64'), differentiableAdamW({ learningRate: 0.1 })]
      refused(() => step(parameters, [], {}), /gradients to have one entry for each of 2 parameters, got 0/)
      refused(() => step(parameters, parameters, { step: 1, expAvg: [] }), /expAvg to have one entry/)
      refused(
        () => differentiableSGD({ learningRate: [0.1] })(parameters, parameters, {}),
        /learningRate to have one entry for each of 2 parameters, got 1/,
      )
    }))
})
