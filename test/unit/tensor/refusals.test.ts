import assert from 'node:assert/strict'
import { addon } from '../../../lib/tensor/index.ts'
import * as torch from '../../../lib/torch.ts'
import { cat, empty, setRngState, Tensor, tensor, zeros } from '../../../lib/torch.ts'

describe('errors', () => {
  it('name the operator and both shapes', () => {
    assert.throws(
      () => zeros([2, 3]).matmul(zeros([4, 5])),
      (
        error: InstanceType<typeof torch.Tensor> & { details: Record<string, unknown>; name: string; message: string },
      ) => {
        assert.equal(error.name, 'ShapeError')
        assert.deepEqual(error.details.shapes, [
          [2, 3],
          [4, 5],
        ])
        assert.match(error.message, /^matmul: /)
        assert.doesNotMatch(error.message, /Exception raised from|frame #/)
        return true
      },
    )
  })

  it('name the argument, what was expected and what came', () => {
    assert.throws(() => zeros([2]).sum({ dim: ['a'] as never }), /sum.*expected an integer for dim, got 'a'/)
    assert.throws(() => zeros([2]).sum({ dims: [0] } as never), { code: 'OPTION' })
    assert.throws(() => zeros([2]).add('1' as never), /expected a Tensor or a number for other, got '1'/)
    assert.throws(() => zeros([2]).to({ dtype: 'float' as never }), /expected one of float32/)
    assert.throws(() => zeros([2]).to({ device: 'tpu' }), /expected 'cpu', 'cuda' or 'cuda:N'/)
    assert.throws(() => cat([]), { name: 'TorchError' })
    assert.throws(() => cat(3 as never), /expected an array/)
    assert.throws(() => zeros([1.5]), /expected an integer/)
    assert.throws(() => zeros([2]).mseLoss(zeros([2]), { reduction: 'max' as never }), /'none', 'mean' or 'sum'/)
    assert.throws(() => zeros([2]).matmul(3 as never), /expected a Tensor/)
  })

  it('of memory are typed', () => {
    assert.throws(() => empty([2 ** 40]), { name: 'TorchOutOfMemoryError' })
    assert.throws(() => zeros([2 ** 30, 2 ** 30, 2 ** 10]))
  })

  it('of CUDA without a device are sentences', function () {
    if (torch.cuda.isAvailable()) this.skip()
    assert.throws(
      () => zeros([1], { device: 'cuda' }),
      (error: Error) => {
        assert.equal(error.name, 'TorchError')
        assert.match(error.message, /setup --device cuda|NVIDIA driver/)
        return true
      },
    )
    assert.deepEqual(torch.cuda.memory().allocatedBytes, 0)
    torch.cuda.synchronize()
    torch.cuda.emptyCache()
  })
})

describe('no input from JavaScript crashes the process', () => {
  const odd: unknown[] = [
    undefined,
    null,
    0,
    -1,
    1.5,
    Number.NaN,
    2 ** 60,
    1n,
    2n ** 70n,
    '',
    'x',
    true,
    Symbol('s'),
    () => 1,
    {},
    [],
    [[]],
    [null],
    [1],
    new Float32Array(2),
    new ArrayBuffer(4),
    Object.create(Tensor.prototype),
    new Tensor(),
    new Map(),
    Buffer.from('ab'),
    new Proxy({}, {}),
    new DataView(new ArrayBuffer(2)),
  ]

  it('whatever the native entries are given', () => {
    const native = addon() as unknown as Record<string, (...values: unknown[]) => unknown>
    // These change the process or take the hooks; they are called with care elsewhere.
    const left = new Set([
      'initialize',
      'libtorchVersion',
      'scopeOpen',
      'scopeEnter',
      'scopeAsync',
      'setNumThreads',
      'setDeterministic',
      'setGradEnabled',
      'setTangentsSeen',
      'reclaim', // runs the garbage collector whatever it is given: two calls say as much as hundreds
    ])
    let calls = 0
    let thrown = 0
    const call = (entry: (...values: unknown[]) => unknown, values: unknown[]) => {
      calls++
      try {
        entry(...values)
      } catch (error) {
        thrown++
        assert.ok(error instanceof Error)
      }
    }
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0 // most of the time would go into stacks that nobody reads
    try {
      for (const a of [undefined, {}]) call(native.reclaim!, [a, a])
      for (const [name, entry] of Object.entries(native)) {
        if (left.has(name) || typeof entry !== 'function') continue
        for (const a of odd) {
          call(entry, [a])
          call(entry, [a, a, a, a, a])
          for (const b of [...odd.slice(0, 12), 'cpu', [2]]) {
            for (const values of [
              [a, b],
              [b, a, b, a],
              [b, a, b, a, b],
            ])
              call(entry, values)
          }
        }
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
    assert.ok(calls > 10_000 && thrown > calls / 2)
  })

  it('whatever the operators are given', () => {
    const live = tensor([
      [1, 2],
      [3, 4],
    ])
    let thrown = 0
    for (const value of Object.values(torch)) {
      if (
        typeof value !== 'function' ||
        value === Tensor ||
        /^(scope|noGrad|enableGrad|setNumThreads|setDeterministic|reclaimMemory|mapFile)$/.test(value.name)
      )
        continue
      for (const a of odd) {
        for (const values of [
          [live, a],
          [live, live, a],
          [a],
          [live, a, a, a],
          [[live], [a]],
          [live, 0, a],
          [live, live, live, a],
        ]) {
          try {
            ;(value as (...v: unknown[]) => unknown)(...values)
          } catch (error) {
            thrown++
            assert.ok(error instanceof Error, String(error))
          }
        }
      }
    }
    assert.ok(thrown > 5000)
  })

  it('code of the caller that runs while arguments are read', () => {
    const bytes = new Float32Array(2 ** 20)
    const size = {
      get: () => {
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
        return 2 ** 20
      },
      enumerable: true,
    }
    assert.throws(() => addon().fromBytes(bytes, Object.defineProperty([0], 0, size), 'float32', 'cpu', false), {
      name: 'ArgumentError',
    })
    const x = tensor([1, 2])
    const disposing = Object.defineProperty([x, x], 1, {
      get: () => {
        x.dispose()
        return x
      },
    })
    assert.throws(() => cat(disposing), { code: 'DISPOSED' })
    const failing = Object.defineProperty([0], 0, {
      get: () => {
        throw new RangeError('mine')
      },
    })
    assert.throws(() => zeros(failing), { name: 'RangeError', message: 'mine' })
  })

  it('what is too much for an array, a device index or a bool', () => {
    assert.throws(
      () =>
        zeros([1])
          .expand([2 ** 45])
          .data(),
      { name: 'TorchOutOfMemoryError' },
    )
    assert.throws(() => zeros(new Array(2 ** 31) as number[]), /expected at most/)
    assert.throws(
      () => zeros([1], { device: 'cuda:300' }),
      /expected 'cpu', 'cuda' or 'cuda:N' for device, got 'cuda:300'/,
    )
    assert.throws(() => addon().fromBytes(new Uint8Array([2]), [1], 'bool', 'cpu', false), /bytes of 0 and 1/)
  })

  it('a wrong generator state', () => {
    assert.throws(() => setRngState(new Uint8Array(10)), { name: 'TorchError' })
    assert.throws(() => setRngState('x' as never), { name: 'ArgumentError' })
  })
})
