import assert from 'node:assert/strict'
import { enableGrad, grad, isGradEnabled, noGrad, tensor } from '../../../lib/torch.ts'

describe('grad', () => {
  it('differentiates, twice and thrice', () => {
    const x = tensor([2], { dtype: 'float64', requiresGrad: true })
    const y = x.pow(4).sum()
    const [first] = grad(y, [x], { createGraph: true })
    const [second] = grad(first!.sum(), [x], { createGraph: true })
    const [third] = grad(second!.sum(), [x])
    assert.deepEqual(
      [first, second, third].map(t => t!.item()),
      [32, 48, 48],
    )
  })

  it('takes cotangents and several outputs', () => {
    const x = tensor([1, 2, 3], { dtype: 'float64', requiresGrad: true })
    const [g] = grad([x.mul(2), x.square().sum()], [x], {
      gradOutputs: [tensor([1, 0, -1], { dtype: 'float64' }), tensor(1, { dtype: 'float64' })],
    })
    assert.deepEqual(g!.tolist(), [4, 4, 4])
  })

  it('gives null for an unused input where asked, else a sentence', () => {
    const x = tensor([1], { requiresGrad: true })
    const unused = tensor([1], { requiresGrad: true })
    assert.deepEqual(grad(x.sum(), [unused, x], { allowUnused: true })[0], null)
    assert.throws(() => grad(x.sum(), [unused]), { name: 'TorchError', code: 'UNUSED_INPUT' })
  })

  it('says what to do when the graph is gone, a saved tensor was changed, or there is no graph', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    const y = x.square().sum()
    grad(y, [x])
    assert.throws(() => grad(y, [x]), { code: 'GRAPH_FREED', message: /retainGraph/ })
    const kept = x.square().sum()
    assert.deepEqual(grad(kept, [x], { retainGraph: true })[0]!.tolist(), grad(kept, [x])[0]!.tolist())
    const e = x.exp()
    const z = e.sum()
    noGrad(() => e.mul_(2))
    assert.throws(() => grad(z, [x]), { code: 'SAVED_TENSOR_CHANGED' })
    assert.throws(() => grad(tensor([1]).sum(), [x]), { code: 'NO_GRAPH' })
    assert.throws(() => grad(x.square(), [x]), { code: 'NOT_SCALAR' })
    assert.throws(() => grad(x.sum(), [tensor([1])]), { code: 'INPUT_WITHOUT_GRAD' })
    assert.throws(() => grad(x.sum(), x as never), { name: 'ArgumentError' })
  })

  it('reads a gradient that has no memory of its own', () => {
    const x = tensor([-1, 2], { requiresGrad: true })
    assert.deepEqual(grad(x.sign().sum(), [x])[0]!.tolist(), [0, 0])
  })

  it('in-place on a leaf that needs a gradient is refused outside noGrad', () => {
    const x = tensor([1], { requiresGrad: true })
    assert.throws(() => x.add_(1), { name: 'TorchError' })
    noGrad(() => x.add_(1))
    assert.deepEqual(x.tolist(), [2])
  })
})

describe('grad mode', () => {
  it('nests, and comes back on a throw', () => {
    assert.ok(isGradEnabled())
    noGrad(() => {
      assert.ok(!isGradEnabled())
      enableGrad(() => assert.ok(isGradEnabled()))
      assert.ok(!isGradEnabled())
    })
    assert.throws(() =>
      noGrad(() => {
        throw new Error('stop')
      }),
    )
    assert.ok(isGradEnabled())
    const x = tensor([1], { requiresGrad: true })
    assert.ok(!noGrad(() => x.mul(2)).requiresGrad)
    assert.ok(!x.mul(2).detach().requiresGrad)
  })

  it('refuses asynchronous functions', () => {
    assert.throws(() => noGrad(async () => 1), { code: 'ASYNC_MODE' })
    assert.ok(isGradEnabled())
  })
})
