import assert from 'node:assert/strict'
import { grad, noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError, ConfigError, ShapeError } from '../../../lib/errors.ts'
import {
  Attention,
  activation,
  binaryCrossEntropy,
  crossEntropy,
  Dropout,
  dropout,
  Embedding,
  init,
  LayerNorm,
  Linear,
  meanSquaredError,
  Module,
  useAttentionKernel,
} from '../../../lib/nn/index.ts'
import { add, mul, ones, randn, sub, sum, zeros } from '../../../lib/ops/index.ts'
import { getRngState, manualSeed, scope, setRngState, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const far = (a: Tensor, b: Tensor): number => Number(sub(a, b).abs().max().item())

describe('nn/linear', () => {
  it('computes x weight^T + bias on any leading dimensions', () => {
    const layer = new Linear(2, 3, { dtype: 'float64' })
    scope(() => {
      layer.setTensor(
        'weight',
        tensor(
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
          { dtype: 'float64' },
        ),
      )
      layer.setTensor('bias', tensor([0.5, 0, -1], { dtype: 'float64' }))
      assert.deepEqual(layer.forward(tensor([[1, 10]], { dtype: 'float64' })).tolist(), [[21.5, 43, 64]])
      assert.deepEqual(layer.forward(ones([4, 5, 2], { dtype: 'float64' })).shape, [4, 5, 3])
      assert.deepEqual([layer.inFeatures, layer.outFeatures], [2, 3])
    })
    layer.dispose()
  })

  it('may lack a bias', () => {
    const layer = new Linear(2, 3, { bias: false })
    assert.deepEqual(
      layer.namedParameters().map(([path]) => path),
      ['weight'],
    )
    scope(() => assert.deepEqual(layer.forward(zeros([1, 2])).tolist(), [[0, 0, 0]]))
    layer.dispose()
  })

  it('has shapes alone on the meta device and draws nothing for them', () => {
    manualSeed(1)
    const before = getRngState()
    const layer = new Linear(2, 3, { device: 'meta' })
    const table = new Embedding(5, 2, { device: 'meta', paddingIndex: 0 })
    assert.deepEqual(getRngState(), before)
    assert.deepEqual([layer.weight.shape, layer.weight.device], [[3, 2], 'meta'])
    layer.dispose()
    table.dispose()
  })

  it('refuses a layer without inputs', () => {
    scope(() => {
      assert.throws(() => new Linear(0, 3), ShapeError)
      assert.throws(() => init.kaimingUniform(ones([3])), ShapeError)
    })
  })
})

describe('nn/embedding', () => {
  it('looks rows up and gives none to the padding row', () => {
    const table = new Embedding(4, 3, { paddingIndex: 1, dtype: 'float64' })
    scope(() => {
      const rows = table.forward(
        tensor([
          [0n, 1n, 1n],
          [3n, 0n, 0n],
        ]),
      )
      assert.deepEqual(rows.shape, [2, 3, 3])
      assert.deepEqual((rows.tolist() as number[][][])[0]![1], [0, 0, 0])
      const [gradient] = grad(sum(rows), [table.weight])
      assert.deepEqual(gradient!.tolist(), [
        [3, 3, 3],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
      ])
    })
    table.dispose()
  })

  it('refuses a padding row outside the table', () => {
    for (const paddingIndex of [-1, 4, 0.5, Number.NaN]) {
      assert.throws(() => new Embedding(4, 3, { paddingIndex }), ArgumentError)
    }
  })

  it('refuses an index outside the table', () => {
    const table = new Embedding(4, 3)
    scope(() => {
      assert.throws(() => table.forward(tensor([4n])))
      assert.throws(() => table.forward(tensor([-1n])))
    })
    table.dispose()
  })
})

describe('nn/layer-norm', () => {
  it('follows its formula', () => {
    const norm = new LayerNorm(3, { dtype: 'float64', eps: 0.5 })
    scope(() => {
      norm.setTensor('weight', tensor([1, 2, 3], { dtype: 'float64' }))
      norm.setTensor('bias', tensor([0, 0, 1], { dtype: 'float64' }))
      const got = norm.forward(tensor([[1, 2, 6]], { dtype: 'float64' })).tolist() as number[][]
      const scale = 1 / Math.sqrt(14 / 3 + 0.5)
      const expected = [-2 * scale, -2 * scale, 9 * scale + 1]
      got[0]!.forEach((value, at) => {
        assert.ok(Math.abs(value - expected[at]!) < 1e-14)
      })
    })
    norm.dispose()
  })
})

describe('nn/dropout', () => {
  it('does nothing in evaluation and at p = 0', () => {
    scope(() => {
      const x = ones([10])
      const before = getRngState()
      assert.equal(new Dropout(0.5).train(false).forward(x), x)
      assert.equal(new Dropout(0).forward(x), x)
      assert.deepEqual(getRngState(), before)
      assert.deepEqual(new Dropout(1).forward(x).tolist(), Array(10).fill(0))
    })
  })

  it('keeps the share and the mean that it says', () => {
    scope(() => {
      manualSeed(0)
      const values = dropout(ones([100_000], { dtype: 'float64' }), 0.3).data() as Float64Array
      const kept = values.filter(value => value !== 0)
      assert.ok(kept.every(value => Math.abs(value - 1 / 0.7) < 1e-15))
      assert.ok(Math.abs(kept.length / values.length - 0.7) < 0.01)
    })
  })

  it('repeats its mask when the random state is restored, with the same mask in the gradient', () => {
    scope(() => {
      const x = tensor(Array(64).fill(2), { dtype: 'float64', requiresGrad: true })
      const state = getRngState()
      const first = dropout(x, 0.5)
      assert.notDeepEqual(dropout(x, 0.5).tolist(), first.tolist())
      setRngState(state)
      assert.deepEqual(dropout(x, 0.5).tolist(), first.tolist())
      const [gradient] = grad(sum(first), [x])
      assert.deepEqual(mul(gradient!, 2).tolist(), first.tolist())
    })
  })

  it('refuses what is no probability', () => {
    for (const p of [-0.1, 1.1, Number.NaN]) assert.throws(() => new Dropout(p), ArgumentError)
    scope(() => assert.throws(() => dropout(ones([1]), 2), ArgumentError))
  })
})

describe('nn/activation', () => {
  it('refuses a name it does not know and lists those it does', () => {
    assert.throws(() => activation('gelu_10'), ConfigError)
    assert.throws(() => activation('gelu_10'), /gelu, .*relu.* got "gelu_10"/)
    assert.throws(() => activation('constructor'), ConfigError)
  })
})

describe('nn/attention', () => {
  const input = () => randn([2, 5, 6], { dtype: 'float64' })

  it('gives the same with both kernels, with and without a bias', () => {
    scope(() => {
      const attention = new Attention(2).train(false)
      const [q, k, v] = [input(), input(), input()]
      for (const context of [{}, { bias: mul(randn([2, 1, 1, 5], { dtype: 'float64' }), 3) }]) {
        attention.kernel = 'fused'
        const fused = attention.forward(q, k, v, context)
        attention.kernel = 'explicit'
        assert.deepEqual(fused.shape, [2, 5, 6])
        assert.ok(far(fused, attention.forward(q, k, v, context)) < 1e-14)
      }
    })
  })

  it('has a second derivative in the explicit way', () => {
    scope(() => {
      const attention = new Attention(2)
      attention.kernel = 'explicit'
      const q = input().detach()
      q.requiresGrad = true
      const [first] = grad(sum(attention.forward(q, q, q).square()), [q], { createGraph: true })
      const [second] = grad(sum(first!.square()), [q])
      assert.ok(Number(second!.abs().max().item()) > 0)
    })
  })

  it('drops weights in training, by the environment generator, whatever the kernel', () => {
    scope(() => {
      const attention = new Attention(2, { dropout: 0.5 })
      const x = input()
      manualSeed(3)
      const first = attention.forward(x, x, x)
      assert.ok(far(first, attention.forward(x, x, x)) > 0)
      manualSeed(3)
      attention.kernel = 'explicit'
      assert.equal(far(first, attention.forward(x, x, x)), 0)
      attention.train(false)
      assert.equal(far(attention.forward(x, x, x), attention.forward(x, x, x)), 0)
    })
  })

  it('changes the kernel of every attention in a model', () => {
    class Two extends Module {
      readonly a = new Attention(1)
      readonly b = [new Attention(1)]
    }
    const two = new Two()
    useAttentionKernel(two, 'explicit')
    assert.deepEqual([two.a.kernel, two.b[0]!.kernel], ['explicit', 'explicit'])
  })
})

describe('nn/loss', () => {
  it('computes in the wider dtype of logits and target', () => {
    scope(() => {
      const logits = tensor([[0.1, -0.7]], { dtype: 'float64' })
      const target = tensor([[1, 0]], { dtype: 'float64' })
      for (const loss of [binaryCrossEntropy, meanSquaredError]) {
        const expected = loss(logits, target).item()
        for (const dtype of ['float32', 'int64', 'bool', 'bfloat16'] as const) {
          const got = loss(logits, target.to({ dtype }))
          assert.deepEqual([got.dtype, got.item()], ['float64', expected])
        }
        assert.equal(loss(logits.to({ dtype: 'bfloat16' }), target.to({ dtype: 'float32' })).dtype, 'float32')
      }
    })
  })

  it('refuses shapes that would broadcast', () => {
    scope(() => {
      const rows = ones([3, 1])
      assert.throws(() => meanSquaredError(rows, ones([3])), ShapeError)
      assert.throws(() => binaryCrossEntropy(rows, ones([3])), ShapeError)
      assert.throws(() => crossEntropy(rows, tensor([0n, 0n])), ShapeError)
      assert.throws(() => crossEntropy(ones([3]), tensor([0n, 0n, 0n])), ShapeError)
      assert.throws(() => crossEntropy(rows, ones([3, 1])), ShapeError)
      assert.throws(() => crossEntropy(ones([1, 2]), tensor([2n])))
    })
  })
})

describe('nn/init', () => {
  it('changes parameters in place without a graph', () => {
    const layer = new Linear(4, 4)
    const { version } = layer.weight
    init.normal(layer.weight, { std: 0.02 })
    init.constant(layer.bias!, 3)
    assert.ok(layer.weight.version > version && layer.weight.isLeaf && layer.weight.requiresGrad)
    assert.deepEqual(layer.bias!.tolist(), [3, 3, 3, 3])
    scope(() => noGrad(() => assert.deepEqual(add(layer.bias!, 1).tolist(), [4, 4, 4, 4])))
    layer.dispose()
  })
})
