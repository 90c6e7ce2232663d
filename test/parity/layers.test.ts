import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { grad } from '../../lib/autograd/index.ts'
import { readSafetensors, SafetensorsFile, writeSafetensors } from '../../lib/io/index.ts'
import {
  Attention,
  activation,
  binaryCrossEntropy,
  crossEntropy,
  dropout,
  Embedding,
  init,
  Linear,
  meanSquaredError,
  type Module,
  type Reduction,
} from '../../lib/nn/index.ts'
import { empty, mul, sub, sum, view } from '../../lib/ops/index.ts'
import { type DType, manualSeed, scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'

interface Cases {
  starts: { id: string; seed: number; dtype: DType; tensors: string[] }[]
  dropouts: { id: string; seed: number; p: number; x: TensorReference; output: TensorReference }[]
  activations: { id: string; output: TensorReference; gradient: TensorReference }[]
  losses: {
    id: string
    kind: 'crossEntropy' | 'binaryCrossEntropy' | 'meanSquaredError'
    logits: TensorReference
    target: TensorReference
    options: Record<string, TensorReference | number | string>
    value: TensorReference
    gradient: TensorReference
  }[]
  attention: { heads: number; gradients: Record<'query' | 'key' | 'value', TensorReference> } & Record<
    'query' | 'key' | 'value' | 'kept' | 'output' | 'cotangent',
    TensorReference
  >
}

const golden = openGolden<Cases>('nn')
const exact = (got: Tensor, expected: Tensor, what: string) => {
  assert.deepEqual(got.shape, expected.shape, what)
  assert.deepEqual(got.tolist(), expected.tolist(), what)
}
/** A golden tensor that gradients are taken of. */
const leaf = (reference: TensorReference): Tensor => {
  const tensor = golden.tensor(reference)
  tensor.requiresGrad = true
  return tensor
}

describe('parity: starts of layers, bit for bit', () => {
  const make: Record<string, (dtype: DType) => Module | Tensor> = {
    linear: dtype => new Linear(7, 5, { dtype }),
    'linear-wide': dtype => new Linear(33, 4, { dtype }),
    'linear-no-bias': dtype => new Linear(3, 9, { dtype, bias: false }),
    embedding: dtype => new Embedding(9, 6, { dtype, paddingIndex: 2 }),
    normal: dtype => init.normal(empty([3, 40], { dtype }), { std: 0.02 }),
    kaiming: dtype => init.kaimingUniform(empty([4, 24], { dtype }), { a: Math.sqrt(5) }),
  }
  for (const { id, seed, dtype, tensors } of golden.cases.starts) {
    it(id, () => {
      scope(() => {
        manualSeed(seed)
        const made = make[id.replace(`-${dtype}`, '')]!(dtype)
        const parts = 'parameters' in made ? made.parameters() : [made]
        assert.equal(parts.length, tensors.length)
        parts.forEach((part, at) => {
          exact(part, golden.tensor({ tensor: tensors[at]! }), `${id}.${at}`)
        })
        for (const part of parts) part.dispose()
      })
    })
  }
})

describe('parity: dropout, bit for bit', () => {
  for (const { id, seed, p, x, output } of golden.cases.dropouts) {
    it(id, () => {
      scope(() => {
        manualSeed(seed)
        exact(dropout(golden.tensor(x), p), golden.tensor(output), id)
      })
    })
  }
})

describe('parity: activations', () => {
  for (const { id, output, gradient } of golden.cases.activations) {
    it(id, () => {
      scope(() => {
        const x = leaf({ tensor: 'activation.x' })
        const y = activation(id)(x)
        assertClose(y, golden.tensor(output), 'output', { relative: 1e-14 })
        assertClose(grad(sum(y), [x])[0]!, golden.tensor(gradient), 'gradient', { relative: 1e-13 })
      })
    })
  }
})

describe('parity: losses', () => {
  for (const test of golden.cases.losses) {
    it(test.id, () => {
      scope(() => {
        const options = Object.fromEntries(
          Object.entries(test.options).map(([key, value]) => [
            key,
            typeof value === 'object' ? golden.tensor(value) : value,
          ]),
        ) as { reduction?: Reduction }
        const logits = leaf(test.logits)
        const loss = { crossEntropy, binaryCrossEntropy, meanSquaredError }[test.kind](
          logits,
          golden.tensor(test.target),
          options,
        )
        assertClose(loss, golden.tensor(test.value), 'value', { relative: 1e-14 })
        assertClose(grad(sum(loss), [logits])[0]!, golden.tensor(test.gradient), 'gradient', { relative: 1e-14 })
      })
    })
  }
})

describe('parity: attention', () => {
  const { attention } = golden.cases
  for (const kernel of ['fused', 'explicit'] as const) {
    it(`${kernel}: output and gradients`, () => {
      scope(() => {
        const [query, key, value] = [leaf(attention.query), leaf(attention.key), leaf(attention.value)]
        const bias = view(mul(sub(golden.tensor(attention.kept), 1), 1e30), [2, 1, 1, 5])
        const module = new Attention(attention.heads)
        module.kernel = kernel
        const output = module.forward(query, key, value, { bias })
        assertClose(output, golden.tensor(attention.output), 'output', { relative: 1e-13 })
        const gradients = grad(sum(mul(output, golden.tensor(attention.cotangent))), [query, key, value])
        ;(['query', 'key', 'value'] as const).forEach((name, at) => {
          assertClose(gradients[at]!, golden.tensor(attention.gradients[name]), name, { relative: 1e-13 })
        })
      })
    })
  }
})

describe('parity: safetensors', () => {
  const official = 'test/golden/nn/official.safetensors'

  it('reads every dtype of the official writer', () => {
    scope(() => {
      const tensors = readSafetensors(official)
      assert.equal(tensors.size, 15)
      assert.deepEqual(tensors.get('long')!.tolist({ bigint: true }), [9007199254740993n, -7n])
      assert.deepEqual(tensors.get('int')!.tolist(), [1, -2, 3])
      assert.deepEqual(tensors.get('short')!.tolist(), [-300])
      assert.deepEqual(tensors.get('byte')!.tolist(), [200, 1, 2])
      assert.deepEqual(tensors.get('char')!.tolist(), [-100])
      assert.deepEqual(tensors.get('flag')!.tolist(), [true, false, true])
      assert.deepEqual(tensors.get('scalar')!.tolist(), 1.5)
      assert.deepEqual(tensors.get('none')!.shape, [0, 3])
      assert.deepEqual([tensors.get('half')!.dtype, tensors.get('brain')!.dtype], ['float16', 'bfloat16'])
    })
  })

  it('writes the same bytes as the official writer', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-official-'))
    try {
      scope(() => {
        const ours = join(folder, 'ours.safetensors')
        writeSafetensors(ours, readSafetensors(official), { ...new SafetensorsFile(official).metadata })
        assert.ok(readFileSync(ours).equals(readFileSync(official)))
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
