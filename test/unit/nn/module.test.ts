import assert from 'node:assert/strict'
import { ArgumentError, FormatError } from '../../../lib/errors.ts'
import {
  buffer,
  compareState,
  describeMismatch,
  Dropout,
  Embedding,
  type Layer,
  LayerNorm,
  Linear,
  levelOf,
  loadState,
  Module,
  parameter,
  setLevel,
  stateOf,
} from '../../../lib/nn/index.ts'
import { add, mul, ones } from '../../../lib/ops/index.ts'
import { memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

class Block extends Module {
  dense: Layer = new Linear(2, 3)
  readonly norm = new LayerNorm(3)
}

class Net extends Module {
  readonly table = new Embedding(4, 2)
  readonly block: Block[] = [new Block(), new Block()]
  scale = parameter(ones([1]))
  mask = buffer(ones([2]))
  readonly plain = [1, 2, 3]
  readonly dropout = new Dropout(0.5)
}

describe('nn/module', () => {
  let net: Net
  beforeEach(() => {
    net = new Net()
  })
  afterEach(() => net.dispose())

  it('lists parameters, buffers and modules by their paths', () => {
    const block = (index: number) =>
      ['dense.weight', 'dense.bias', 'norm.weight', 'norm.bias'].map(name => `block.${index}.${name}`)
    assert.deepEqual(
      net.namedParameters().map(([path]) => path),
      ['scale', 'table.weight', ...block(0), ...block(1)],
    )
    assert.deepEqual(
      net.namedBuffers().map(([path]) => path),
      ['mask'],
    )
    assert.deepEqual(
      net.namedModules().map(([path]) => path),
      ['', 'table', 'block.0', 'block.0.dense', 'block.0.norm', 'block.1', 'block.1.dense', 'block.1.norm', 'dropout'],
    )
    assert.equal(net.parameters().length, 10)
  })

  it('lists what is held twice once, and keeps it one when it moves', () => {
    const tied = net.block[1]!.dense as Linear
    tied.weight.dispose()
    tied.weight = (net.block[0]!.dense as Linear).weight
    assert.equal(net.namedParameters().filter(([path]) => path.endsWith('dense.weight')).length, 1)
    net.to({ dtype: 'float64' })
    assert.equal(tied.weight, (net.block[0]!.dense as Linear).weight)
    assert.equal(tied.weight.dtype, 'float64')
    net.block[1] = net.block[0]!
    assert.equal(net.namedModules().filter(([, module]) => module instanceof Block).length, 1)
  })

  it('survives a module that holds itself', () => {
    const loop = new Block() as Block & { self?: Module }
    loop.self = loop
    assert.equal(loop.namedModules().length, 3)
    loop.dispose()
  })

  it('sets the mode of every module', () => {
    assert.ok(net.dropout.training)
    assert.equal(net.train(false), net)
    assert.ok(net.namedModules().every(([, module]) => !module.training))
    net.train()
    assert.ok(net.namedModules().every(([, module]) => module.training))
  })

  it('gives and replaces modules by path', () => {
    const old = net.getModule('block.1.dense') as Linear
    const replacement = new Linear(2, 3, { bias: false })
    net.setModule('block.1.dense', replacement)
    assert.equal(net.block[1]!.dense, replacement)
    assert.ok(!old.weight.disposed)
    old.dispose()
    net.setModule('block.0', net.block[1]!)
    assert.equal(net.getModule(''), net)
  })

  for (const path of [
    'block',
    'block.2',
    'block.0.weight',
    'scale',
    'toString',
    'block.length',
    'plain.0',
    'a.b',
    '.',
  ]) {
    it(`refuses the path ${path} for a module`, () => {
      assert.throws(() => net.getModule(path), ArgumentError)
      assert.throws(() => net.setModule(path, new Dropout(0)), ArgumentError)
    })
  }

  it('refuses to replace itself, and a tensor where there is none', () => {
    assert.throws(() => net.setModule('', net), ArgumentError)
    scope(() => {
      assert.throws(() => net.setTensor('block.0.dense', ones([1])), ArgumentError)
      assert.throws(() => net.setTensor('nothing', ones([1])), ArgumentError)
    })
  })

  it('replaces a tensor with its role, and frees the old one', () => {
    const old = (net.block[0]!.dense as Linear).weight
    setLevel(old, 'lower')
    old.requiresGrad = false
    const next = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
    net.setTensor('block.0.dense.weight', next)
    assert.equal((net.block[0]!.dense as Linear).weight, next)
    assert.ok(old.disposed)
    assert.deepEqual([levelOf(next), next.requiresGrad], ['lower', false])
    net.setTensor('block.0.dense.weight', next)
    assert.ok(!next.disposed)
  })

  it('moves floating tensors to a dtype and frees the old ones', () => {
    const before = memoryStats().liveTensors
    const old = net.scale
    setLevel(old, 'upper')
    net.to({ dtype: 'float64' })
    assert.ok(old.disposed)
    assert.ok(net.parameters().every(item => item.dtype === 'float64' && item.requiresGrad && item.isLeaf))
    assert.equal(levelOf(net.scale), 'upper')
    assert.equal(net.mask.dtype, 'float64')
    assert.equal(memoryStats().liveTensors, before)
    const same = net.scale
    net.to({ dtype: 'float64', device: 'cpu' })
    assert.equal(net.scale, same)
  })

  it('keeps parameters out of scopes and frees them at once', () => {
    const before = memoryStats().liveTensors
    const made = scope(() => ({ path: new Net() as Module })).path
    assert.ok(made.parameters().every(item => !item.disposed))
    made.dispose()
    assert.equal(memoryStats().liveTensors, before)
  })

  it('sets whether parameters are trained', () => {
    net.requireGrad(false)
    assert.ok(net.parameters().every(item => !item.requiresGrad))
  })

  it('prints the tree', () => {
    net.setModule('block.1.dense', new Linear(2, 3, { bias: false }))
    assert.equal(
      net.toString(),
      `Net(
  (table): Embedding(4, 2)
  (block.0): Block(
    (dense): Linear(2, 3)
    (norm): LayerNorm(3, eps=0.00001)
  )
  (block.1): Block(
    (dense): Linear(2, 3, bias=false)
    (norm): LayerNorm(3, eps=0.00001)
  )
  (dropout): Dropout(p=0.5)
)`,
    )
  })
})

describe('nn/parameter', () => {
  it('refuses results and dtypes without gradients', () => {
    scope(() => {
      const leaf = tensor([1], { requiresGrad: true })
      assert.throws(() => parameter(mul(leaf, 2)), /without history/)
      assert.throws(() => parameter(tensor([1n])), /floating dtype, got int64; use buffer/)
      assert.throws(() => setLevel(leaf, 'lower'), ArgumentError)
    })
  })

  it('may be frozen from the start', () => {
    const frozen = parameter(ones([2]), { requiresGrad: false, level: 'upper' })
    assert.deepEqual([frozen.requiresGrad, levelOf(frozen)], [false, 'upper'])
    frozen.dispose()
  })
})

describe('nn/state', () => {
  it('copies values into the tensors that are there', () => {
    const [from, to] = [new Net(), new Net()]
    const held = stateOf(to)
    loadState(to, stateOf(from))
    for (const [path, value] of stateOf(from)) {
      assert.deepEqual(held.get(path)!.tolist(), value.tolist(), path)
      assert.equal(stateOf(to).get(path), held.get(path))
    }
    assert.ok(to.scale.requiresGrad && to.scale.isLeaf)
    from.dispose()
    to.dispose()
  })

  it('refuses missing, unexpected and misshapen names together and copies nothing', () => {
    const net = new Net()
    const before = net.scale.tolist()
    scope(() => {
      const state = new Map(stateOf(net))
      state.delete('mask')
      state.set('extra', ones([1]))
      state.set('table.weight', ones([4, 3]))
      state.set('scale', add(net.scale.detach(), 5))
      const mismatch = compareState(net, state)!
      assert.equal(
        describeMismatch(mismatch, path => path.toUpperCase()),
        '1 missing: MASK; 1 unexpected: EXTRA; 1 of another shape: TABLE.WEIGHT (expected [4, 2], got [4, 3])',
      )
      assert.throws(() => loadState(net, state), FormatError)
    })
    assert.deepEqual(net.scale.tolist(), before)
    assert.equal(compareState(net, stateOf(net)), undefined)
    net.dispose()
  })

  it('tells a shape from another with the same count', () => {
    class Row extends Module {
      a: Tensor = parameter(ones([2, 3]))
    }
    const row = new Row()
    scope(() => assert.ok(compareState(row, new Map([['a', ones([3, 2])]]))))
    row.dispose()
  })
})
