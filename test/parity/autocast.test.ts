import assert from 'node:assert/strict'
import { autocast, enableGrad, grad, noGrad } from '../../lib/autograd/index.ts'
import * as ops from '../../lib/ops/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'
import { makerHash, readGolden } from './golden.ts'

type Name = 'x' | 'w' | 'b' | 'gain' | 'shift' | 'q' | 'k' | 'v' | 'y' | 'wide'
type Leaves = Record<'x' | 'w' | 'y', TensorReference>
type Inputs = Record<Name, Tensor>

interface Cases {
  inputs: Record<Name, TensorReference>
  labels: TensorReference
  ops: { id: string; output: TensorReference }[]
  network: { loss: TensorReference; first: Leaves; cotangents: Leaves; second: Leaves }
}

const golden = openGolden<Cases>('autocast')
const tolerance = { bfloat16: 0, float32: 1e-6, float64: 1e-13 }

const run: Record<string, (t: Inputs, labels: Tensor) => Tensor> = {
  linear: t => ops.linear(t.x, t.w, t.b),
  matmul: t => ops.matmul(t.x, t.y),
  addmm: t => ops.addmm(ops.narrow(t.x, 1, 0, 3), t.x, t.y),
  layerNorm: t => ops.layerNorm(t.x, [6], { weight: t.gain, bias: t.shift }),
  layerNormOfProduct: t => ops.layerNorm(ops.linear(t.x, t.w, t.b), [5], { weight: t.b, bias: t.b }),
  softmax: t => ops.softmax(t.x, -1),
  softmaxOfProduct: t => ops.softmax(ops.linear(t.x, t.w), -1),
  gelu: t => ops.gelu(ops.linear(t.x, t.w)),
  residual: t => ops.add(ops.matmul(t.x, t.y), ops.narrow(t.x, 1, 0, 3)),
  attention: t => ops.scaledDotProductAttention(t.q, t.k, t.v),
  crossEntropy: (t, labels) => ops.crossEntropyLoss(ops.linear(t.x, t.w), labels),
  meanSquaredError: t => ops.mseLoss(ops.matmul(t.x, t.y), ops.narrow(t.x, 1, 0, 3)),
  wide: t => ops.matmul(t.wide, ops.to(t.y, { dtype: 'float64' })),
}

const inputs = () =>
  Object.fromEntries(Object.entries(golden.cases.inputs).map(([name, ref]) => [name, golden.tensor(ref)])) as Inputs

/** Type and values: bit for bit in bfloat16, within rounding in the wider types. */
function assertEqual(got: Tensor, reference: TensorReference, what: string): void {
  const expected = golden.tensor(reference)
  assert.equal(got.dtype, expected.dtype, `${what}: dtype`)
  assert.deepEqual(got.shape, expected.shape, `${what}: shape`)
  assertClose(got, expected, what, { relative: tolerance[got.dtype as keyof typeof tolerance] })
}

describe('parity: autocast against torch.autocast on the CPU', () => {
  it('belongs to its maker', () => {
    const { manifest } = readGolden('autocast') as unknown as {
      manifest: { scriptSha256: string; tolerance: typeof tolerance }
    }
    assert.equal(manifest.scriptSha256, makerHash('autocast.py'))
    assert.deepEqual(manifest.tolerance, tolerance)
  })

  for (const { id, output } of golden.cases.ops) {
    it(`${id}: type and values`, () =>
      scope(() => {
        const [t, labels] = [inputs(), golden.tensor(golden.cases.labels)]
        assertEqual(
          noGrad(() => autocast('bfloat16', () => run[id]!(t, labels))),
          output,
          id,
        )
      }))
  }

  it('covers every operator of the maker', () => {
    assert.deepEqual(golden.cases.ops.map(({ id }) => id).sort(), Object.keys(run).sort())
  })

  const leavesOf = () => {
    const { x, w, y } = inputs()
    for (const leaf of [x, w, y]) leaf.requiresGrad = true
    return { x, w, y }
  }
  const network = ({ x, w, y }: Record<'x' | 'w' | 'y', Tensor>) => {
    const once = ops.tanh(ops.linear(x, w)) // [4, 5]
    const twice = ops.matmul(ops.matmul(once, w), y) // [4, 3]
    return ops.mseLoss(ops.layerNorm(twice, [3]), ops.narrow(y, 0, 0, 4))
  }

  it('first and second gradients of a network', () =>
    scope(() => {
      const { loss, first, cotangents, second } = golden.cases.network
      const leaves = leavesOf()
      const names = ['x', 'w', 'y'] as const
      const value = autocast('bfloat16', () => network(leaves))
      assertEqual(value, loss, 'loss')
      const inputsOf = names.map(name => leaves[name])
      const gradients = grad(value, inputsOf, { createGraph: true })
      for (const [i, name] of names.entries()) assertEqual(gradients[i]!, first[name], `gradient of ${name}`)
      const weighted = names.map((name, i) => ops.sum(ops.mul(gradients[i]!, golden.tensor(cotangents[name]))))
      const again = grad(
        weighted.reduce((sum, term) => ops.add(sum, term)),
        inputsOf,
      )
      for (const [i, name] of names.entries()) assertEqual(again[i]!, second[name], `second gradient of ${name}`)
    }))

  it('a cast that was made without a graph does not stand for one with it', () =>
    scope(() => {
      const leaves = leavesOf()
      const value = autocast('bfloat16', () => {
        noGrad(() => network(leaves))
        return enableGrad(() => network(leaves))
      })
      const gradients = grad(value, [leaves.x, leaves.w, leaves.y])
      assertEqual(gradients[1]!, golden.cases.network.first.w, 'gradient of w')
    }))
})
