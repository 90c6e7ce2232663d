import assert from 'node:assert/strict'
import { autocast, checkpoint, grad, noGrad } from '../../../lib/autograd/index.ts'
import { dropout } from '../../../lib/nn/index.ts'
import * as ops from '../../../lib/ops/index.ts'
import {
  getRngState,
  manualSeed,
  memoryStats,
  reclaimMemory,
  resetPeakMemory,
  scope,
  type Tensor,
} from '../../../lib/tensor/index.ts'

type Layer = (x: Tensor) => Tensor
interface Net {
  layers: Layer[]
  parameters: Tensor[][]
  x: Tensor
}

function leaf(tensor: Tensor): Tensor {
  tensor.requiresGrad = true
  return tensor
}

/** Layers of width 32 with dropout, a residual and an in-place sum; the first weight is frozen. */
function net(count = 3, { rows = 8, width = 32 } = {}): Net {
  const weights = Array.from({ length: count }, () => ops.mul(ops.randn([width, width]), 1 / Math.sqrt(width)).detach())
  const biases = weights.map(() => ops.randn([width]))
  for (const tensor of [...weights.slice(1), ...biases]) tensor.requiresGrad = true
  return {
    x: ops.randn([rows, width]),
    parameters: weights.map((weight, i) => [weight, biases[i]!]),
    layers: weights.map((weight, i) => x => {
      const y = ops.gelu(ops.linear(x, weight, biases[i]!))
      return ops.add(ops.softmax(dropout(y, 0.25), -1), ops.mul(x, y))
    }),
  }
}

type Run = (layer: Layer, x: Tensor, parameters: Tensor[]) => Tensor
const plain: Run = (layer, x) => layer(x)
const checkpointed: Run = (layer, x, parameters) => checkpoint(layer, [x], { parameters })

function lossOf({ layers, parameters, x }: Net, run: Run): Tensor {
  return ops.mean(ops.square(layers.reduce((h, layer, i) => run(layer, h, parameters[i]!), x)))
}

const bytesOf = (tensors: readonly (Tensor | null)[]) =>
  tensors.map(tensor => tensor && Buffer.from(tensor.bytes()).toString('hex'))

describe('checkpoint', () => {
  const both = <T>(compute: (net: Net, run: Run) => T): [T, T] =>
    [plain, checkpointed].map(run => {
      manualSeed(5)
      return compute(net(), run)
    }) as [T, T]

  it('gives the same loss, gradients and random state as without, to the bit', () =>
    scope(() => {
      const [expected, got] = both((made, run) => {
        const trained = made.parameters.flat().filter(parameter => parameter.requiresGrad)
        made.x.requiresGrad = true
        const loss = lossOf(made, run)
        const state = Buffer.from(getRngState()).toString('hex')
        const gradients = grad(loss, [...trained, made.x])
        assert.equal(Buffer.from(getRngState()).toString('hex'), state, 'the backward leaves the random state alone')
        return [state, bytesOf([loss, ...gradients])]
      })
      assert.deepEqual(got, expected)
    }))

  it('likewise under autocast, the gradients being taken outside', () =>
    scope(() => {
      const [expected, got] = both((made, run) => {
        const loss = autocast('bfloat16', () => lossOf(made, run))
        return bytesOf([loss, ...grad(loss, made.parameters.flat().slice(1))])
      })
      assert.deepEqual(got, expected)
      const full = scope(() => {
        manualSeed(5)
        const made = net()
        return bytesOf(grad(lossOf(made, plain), made.parameters.flat().slice(1)))
      })
      assert.notDeepEqual(got.slice(1), full, 'the second run had autocast on')
    }))

  it('likewise where calls of autocast inside were or were not heeded', () =>
    scope(() => {
      const narrow: Run = (layer, x, parameters) =>
        checkpointed(h => autocast('bfloat16', () => layer(h)), x, parameters)
      const narrowPlain: Run = (layer, x) => autocast('bfloat16', () => layer(x))
      const of = (run: Run, isForwardHeld: boolean, isBackwardHeld: boolean) =>
        scope(() => {
          manualSeed(5)
          const made = net()
          const held = <T>(on: boolean, fn: () => T) => (on ? autocast(undefined, fn) : fn())
          const loss = held(isForwardHeld, () => lossOf(made, run))
          return bytesOf(held(isBackwardHeld, () => grad(loss, made.parameters.flat().slice(1))))
        })
      for (const isForwardHeld of [false, true])
        for (const isBackwardHeld of [false, true])
          assert.ok(
            String(of(narrow, isForwardHeld, isBackwardHeld)) ===
              String(of(narrowPlain, isForwardHeld, isBackwardHeld)),
            `forward held ${isForwardHeld}, backward held ${isBackwardHeld}`,
          )
      assert.notDeepEqual(of(narrow, true, false), of(narrow, false, false))
    }))

  it('gives gradients of some inputs only, and null for what is not used', () =>
    scope(() => {
      const made = net()
      const spare = leaf(ops.randn([2]))
      const loss = lossOf(made, (layer, x, parameters) =>
        checkpoint(layer, [x], { parameters: [...parameters, spare] }),
      )
      const last = made.parameters[2]![0]!
      const [gradient, nothing] = grad(loss, [last, spare], { allowUnused: true })
      assert.deepEqual(gradient!.shape, last.shape)
      assert.equal(nothing, null)
    }))

  it('may be gone through again where the graph is retained, and not where it is freed', () =>
    scope(() => {
      const made = net()
      const loss = lossOf(made, checkpointed)
      const [weight] = made.parameters[1]!
      const first = bytesOf(grad(loss, [weight!], { retainGraph: true }))
      assert.deepEqual(bytesOf(grad(loss, [weight!])), first)
      assert.throws(() => grad(loss, [weight!]), { code: 'GRAPH_FREED' })
    }))

  it('just runs the function where nothing needs a gradient', () =>
    scope(() => {
      const made = net()
      assert.equal(noGrad(() => lossOf(made, checkpointed)).requiresGrad, false)
      assert.equal(checkpoint(ops.tanh, [made.x]).requiresGrad, false)
    }))

  it('refuses a second derivative by a sentence', () =>
    scope(() => {
      const made = net()
      assert.throws(() => grad(lossOf(made, checkpointed), made.parameters[1]!, { createGraph: true }), {
        code: 'CHECKPOINT_SECOND',
        message: /no second derivative: switch gradient checkpointing off/,
      })
    }))

  it('lets an error of the second run through as it is, and works afterwards', () =>
    scope(() => {
      const fault = new RangeError('mine')
      let runs = 0
      const x = leaf(ops.ones([2]))
      const loss = ops.sum(
        checkpoint(
          input => {
            if (++runs === 2) throw fault
            return ops.square(input)
          },
          [x],
        ),
      )
      assert.throws(
        () => grad(loss, [x], { retainGraph: true }),
        error => error === fault,
      )
      assert.deepEqual(grad(loss, [x])[0]!.tolist(), [2, 2])
    }))

  it('lets an error of an operator in the second run through with its own class and sentence', () =>
    scope(() => {
      const x = leaf(ops.ones([2, 3]))
      let runs = 0
      const loss = ops.sum(checkpoint(input => ops.matmul(input, ops.ones([++runs === 1 ? 3 : 4, 1])), [x]))
      assert.throws(() => grad(loss, [x]), { name: 'ShapeError', message: /matmul/ })
    }))

  it('tells a parameter that was changed before the backward', () =>
    scope(() => {
      const made = net()
      const loss = lossOf(made, checkpointed)
      noGrad(() => ops.mul_(made.parameters[1]![0]!, 2))
      assert.throws(() => grad(loss, made.parameters[1]!), { code: 'SAVED_TENSOR_CHANGED' })
    }))

  it('gives a function that returns its input a graph of its own', () =>
    scope(() => {
      const x = leaf(ops.ones([2]))
      assert.deepEqual(grad(ops.sum(checkpoint(input => input, [x])), [x])[0]!.tolist(), [1, 1])
    }))

  it('refuses a function that gives no tensor', () =>
    scope(() => {
      const x = leaf(ops.ones([2]))
      assert.throws(() => checkpoint((() => 3) as never, [x]), { code: 'CHECKPOINT_OUTPUT' })
    }))

  it('needs less memory at its peak', () => {
    const peak = (run: Run) =>
      scope(() => {
        manualSeed(1)
        const made = net(24, { rows: 256, width: 128 })
        reclaimMemory()
        const before = memoryStats().usedBytes
        resetPeakMemory()
        scope(
          () =>
            void grad(
              lossOf(made, (...all) => scope(() => run(...all))),
              made.parameters.flat().slice(1),
            ),
        )
        return memoryStats().peakUsedBytes - before
      })
    const [without, withIt] = [peak(plain), peak(checkpointed)]
    assert.ok(withIt < without / 2, `${withIt} bytes at the peak against ${without}`)
  })

  it('frees what the first run makes, but for its result', () =>
    scope(() => {
      const made = net(1)
      const before = memoryStats().liveTensors
      checkpointed(made.layers[0]!, made.x, made.parameters[0]!)
      assert.equal(memoryStats().liveTensors, before + 1)
    }))

  it('leaves nothing behind, used or not', () => {
    const made = scope(() => net(2))
    const { usedBytes, liveTensors } = memoryStats()
    for (let i = 0; i < 50; i++) {
      scope(() => {
        const loss = lossOf(made, checkpointed)
        if (i % 2) grad(loss, made.parameters[1]!)
      })
    }
    assert.deepEqual([memoryStats().usedBytes, memoryStats().liveTensors], [usedBytes, liveTensors])
    for (const tensor of [made.x, ...made.parameters.flat()]) tensor.dispose()
  })
})
