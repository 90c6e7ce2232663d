import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type BidoraLayer, bidoraLinear, forgetConstants } from '../../../lib/adapters/index.ts'
import {
  autocast,
  checkpoint,
  enableGrad,
  grad,
  hasTangent,
  isForwardMode,
  jvp,
  noGrad,
  vectorJacobian,
} from '../../../lib/autograd/index.ts'
import { dropout } from '../../../lib/nn/index.ts'
import * as ops from '../../../lib/ops/index.ts'
import { getRngState, keep, manualSeed, memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const double = (values: number[] | number[][], requiresGrad = false): Tensor =>
  tensor(values, { dtype: 'float64', requiresGrad })

/** The derivative of `fn` along `tangent`, as numbers. */
const along = (fn: (x: Tensor) => Tensor, x: Tensor, tangent: Tensor) => jvp(fn, [x], [tangent]).tangents[0]!.tolist()

describe('jvp', () => {
  it('gives values and J t, of several inputs and outputs', () =>
    scope(() => {
      const [x, y] = [double([1, 2]), double([3, -1])]
      const { values, tangents } = jvp(
        (x, y) => [x.mul(y), x.mul(x), ops.ones([1])],
        [x, y],
        [double([1, 0.5]), double([0, 10])],
      )
      assert.deepEqual(
        values.map(value => value.tolist()),
        [[3, -2], [1, 4], [1]],
      )
      assert.deepEqual(
        tangents.map(value => value.tolist()),
        [[3, 19.5], [2, 2], [0]],
      )
    }))

  it('is seen by closures over the primals, and ends with the call', () =>
    scope(() => {
      const x = double([2], true)
      const kept: Tensor[] = []
      const result = jvp(
        () => {
          kept.push(keep(x.mul(x)))
          return kept[0]!.mul(x)
        },
        [x],
        [double([1])],
      )
      assert.deepEqual(result.tangents[0]!.tolist(), [12])
      for (const value of [x, ...kept, ...result.values]) assert.equal(hasTangent(value), false)
      assert.deepEqual(kept[0]!.tolist(), [4])
      kept[0]!.dispose()
    }))

  it('agrees with reverse mode where the result needs a graph too, and its tangents can be differentiated backwards', () =>
    scope(() => {
      const [x, t] = [double([0.3, -0.7], true), double([2, 1])]
      const f = (x: Tensor) => ops.sum(x.sin().mul(x.exp()))
      const { tangents } = jvp(f, [x], [t])
      const [gradient] = grad(f(x), [x], { createGraph: true })
      assert.ok(Math.abs((tangents[0]!.item() as number) - (ops.dot(gradient!, t).item() as number)) < 1e-14)
      const [reverseOverForward] = grad(tangents[0]!, [x])
      const [reverseOverReverse] = vectorJacobian([gradient!], [x], [t])
      const forwardOverReverse = along(x => grad(f(x), [x])[0]!, x, t)
      const expected = reverseOverReverse!.tolist() as number[]
      for (const got of [reverseOverForward!.tolist(), forwardOverReverse] as number[][])
        got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-14))
    }))

  it('holds constant what the graph does: detach, noGrad, comparisons', () =>
    scope(() => {
      const [x, t] = [double([2, 3], true), double([1, 1])]
      const cases: [string, (x: Tensor) => Tensor][] = [
        ['detach', x => ops.detach(x.mul(x)).mul(x)],
        ['noGrad', x => noGrad(() => x.mul(x)).mul(x)],
        ['enableGrad in noGrad', x => noGrad(() => enableGrad(() => x.mul(x)))],
        ['comparison', x => ops.where(x.gt(2.5), x.mul(x), x)],
      ]
      for (const [name, f] of cases) {
        const expected = vectorJacobian([f(x)], [x], [ops.onesLike(x)])[0]!.tolist() // elementwise: J is diagonal
        assert.deepEqual(along(f, x, t), expected, name)
      }
      assert.equal(noGrad(() => jvp(x => x.mul(x), [x], [t])).tangents[0]!.requiresGrad, false)
      assert.deepEqual(
        noGrad(() => along(x => noGrad(() => x.mul(x)).mul(x), x, t)),
        [4, 9],
        'also where the call itself records no graph',
      )
    }))

  it('a graph of the primals from before the call has no tangent', () =>
    scope(() => {
      const x = double([2], true)
      const before = x.mul(x)
      assert.deepEqual(
        along(() => before, x, double([1])),
        [0],
      )
    }))

  it('follows what is changed in place, and leaves the tangent that it was given', () =>
    scope(() => {
      const [x, t] = [double([2, 3]), double([1, 10])]
      assert.deepEqual(
        along(x => ops.mul_(ops.clone(x), x), x, t),
        [4, 60],
      )
      const buffer = double([
        [1, 1],
        [1, 1],
      ])
      const changed = (row: Tensor, by: (row: Tensor, x: Tensor) => Tensor) => (x: Tensor) => {
        by(row, x)
        return buffer
      }
      const rows = along(changed(ops.select(buffer, 0, 1), ops.mul_), x, t)
      assert.deepEqual(rows, [
        [0, 0],
        [1, 10],
      ])
      assert.equal(hasTangent(buffer), false)
      along(x => ops.mul_(x, 2), x, t)
      assert.deepEqual(t.tolist(), [1, 10])
      // Through a view that noGrad made too; into a graph it must not be carried, as without jvp.
      const view = noGrad(() => ops.select(buffer, 0, 0))
      const through = along(changed(view, ops.add_), x, t)
      assert.deepEqual(through, [
        [1, 10],
        [0, 0],
      ])
      const leaf = double([2, 3], true)
      assert.throws(() => along(x => ops.add_(view, x), leaf, t), /no_grad/)
    }))

  it('dropout draws the masks of an ordinary call, and scales the tangent by them', () =>
    scope(() => {
      const [x, t] = [ops.ones([1000], { dtype: 'float64' }), ops.ones([1000], { dtype: 'float64' })]
      manualSeed(3)
      const plain = dropout(x, 0.4)
      const state = getRngState()
      manualSeed(3)
      const { values, tangents } = jvp(x => dropout(x, 0.4), [x], [t])
      assert.deepEqual(values[0]!.tolist(), plain.tolist())
      assert.deepEqual(tangents[0]!.tolist(), plain.tolist())
      assert.deepEqual(getRngState(), state)
    }))

  it('refuses integers as a result, and takes them inside', () =>
    scope(() => {
      const x = double([1, 5, 2])
      assert.throws(() => jvp(x => ops.argmax(x), [x], [x]), { code: 'JVP_OUTPUT', message: /int64/ })
      assert.throws(() => jvp(() => 3 as unknown as Tensor, [x], [x]), { code: 'JVP_OUTPUT' })
      assert.deepEqual(
        along(x => ops.gather(x, 0, ops.reshape(ops.argmax(x), [1])), x, double([1, 2, 3])),
        [2],
      )
    }))

  it('refuses to read a value on the host, but for constants, and shows a tensor without its numbers', () =>
    scope(() => {
      const x = double([2])
      const reads: ((x: Tensor) => unknown)[] = [x => x.item(), x => x.tolist(), x => x.data(), x => x.bytes()]
      for (const read of reads)
        assert.throws(() => jvp(x => (read(x) ? x : x), [x], [x]), {
          name: 'ArgumentError',
          message: /after jvp, or inside noGrad/,
        })
      const seen: unknown[] = []
      jvp(
        x => {
          seen.push(
            String(x),
            x.gt(1).item(),
            noGrad(() => x.item()),
            ops.detach(x).item(),
            double([7]).item(),
          )
          return x
        },
        [x],
        [x],
      )
      assert.deepEqual(seen, ['Tensor([1], float64, cpu, with a tangent)', 1, 2, 2, 7])
    }))

  it('refuses a second level, an asynchronous function, and what does not fit', () =>
    scope(() => {
      const [x, t] = [double([1, 2]), double([1, 1])]
      assert.throws(() => jvp(x => jvp(y => y, [x], [t]).values, [x], [t]), { code: 'JVP_NESTED' })
      assert.throws(() => jvp((async (x: Tensor) => x) as never, [x], [t]), { code: 'ASYNC_MODE' })
      assert.throws(() => jvp(x => x, [x], []), { code: 'JVP_TANGENT' })
      assert.throws(() => jvp(x => x, [x], [double([1])]), { code: 'JVP_TANGENT', message: /\[2\].*\[1\]/ })
      assert.throws(() => jvp(x => x, [x], [tensor([1, 1])]), { code: 'JVP_TANGENT', message: /float32/ })
      assert.throws(() => jvp(x => x, [x, x], [t, t]), { code: 'JVP_PRIMAL', message: /twice/ })
      const integers = tensor([1n])
      assert.throws(() => jvp(x => x, [integers], [integers]), { code: 'JVP_PRIMAL', message: /int64/ })
      // After every one of these it works again.
      assert.equal(isForwardMode(), false)
      assert.deepEqual(
        along(x => x.mul(x), x, t),
        [2, 4],
      )
    }))

  it('an error of the function comes out, and nothing is left behind', () => {
    const x = double([1, 2])
    const before = memoryStats().liveTensors
    assert.throws(
      () =>
        jvp(
          x => {
            x.mul(x)
            noGrad(() => {
              throw new RangeError('mine')
            })
            return x
          },
          [x],
          [x],
        ),
      { name: 'RangeError', message: 'mine' },
    )
    assert.equal(isForwardMode(), false)
    assert.equal(hasTangent(x), false)
    assert.equal(memoryStats().liveTensors, before)
    x.dispose()
  })

  it('names an operator that has no derivative in forward mode', () =>
    scope(() => {
      const x = ops.randn([1, 2, 4, 8])
      assert.throws(() => jvp(x => ops.scaledDotProductAttention(x, x, x), [x], [x]), {
        name: 'TorchError',
        code: 'NO_FORWARD_DERIVATIVE',
        message: /^_scaled_dot_product_flash_attention.*: expected an operator with a derivative in forward mode/,
      })
    }))

  it('keeps a checkpointed part whole', () =>
    scope(() => {
      const [x, t] = [double([2], true), double([1])]
      const { tangents } = jvp(() => checkpoint(x => x.mul(x).mul(x), [x]), [x], [t])
      assert.deepEqual(tangents[0]!.tolist(), [12])
      assert.deepEqual(
        along(() => grad(ops.sum(checkpoint(x => x.mul(x).mul(x), [x])), [x])[0]!, x, t),
        [12],
      )
    }))

  it('sees through a weight that autocast has cast before', () =>
    scope(() => {
      const w = tensor([[2]], { requiresGrad: true })
      const x = tensor([[3]])
      autocast('bfloat16', () => {
        ops.linear(x, w) // libtorch keeps the cast weight
        const { tangents } = jvp(() => ops.linear(x, w), [w], [tensor([[1]])])
        assert.deepEqual(tangents[0]!.tolist(), [[3]])
        // What was cast under jvp has no tangent to leave behind.
        assert.equal(hasTangent(ops.linear(x, w)), false)
      })
    }))
})

describe('jvp of an adapted layer', () => {
  const layerOf = (detachNorm: boolean): BidoraLayer => ({
    weight: double([
      [0.5, -1, 0.25],
      [1.5, 0.75, -0.5],
    ]),
    loraA: double([[0.2, -0.4, 0.6]], true),
    loraB: double([[0.3], [-0.1]], true),
    magnitude: double([1, 2], true),
    scaling: 1,
    magnitudeAxis: 'out',
    detachNorm,
  })
  const x = [[1, 2, -1]]

  for (const detachNorm of [false, true]) {
    it(`norm ${detachNorm ? 'detached: a constant forwards too' : 'in the graph'}`, () =>
      scope(() => {
        const layer = layerOf(detachNorm)
        const [output, tangent] = [double([[1, 10]]), double([[1], [-2]])]
        const forward = jvp(() => bidoraLinear(double(x), layer), [layer.loraB], [tangent]).tangents[0]!
        const [gradient] = grad([bidoraLinear(double(x), layer)], [layer.loraB], { gradOutputs: [output] })
        const [a, b] = [ops.sum(forward.mul(output)).item(), ops.sum(gradient!.mul(tangent)).item()] as [number, number]
        assert.ok(Math.abs(a - b) < 1e-13, `${a} forwards, ${b} backwards`)
        // Were the norm seen by the tangent alone, as PyTorch's no_grad has it, this would be another number.
        const other = jvp(
          () => bidoraLinear(double(x), { ...layer, detachNorm: !detachNorm }),
          [layer.loraB],
          [tangent],
        )
        assert.ok(Math.abs((ops.sum(other.tangents[0]!.mul(output)).item() as number) - b) > 1e-3)
        forgetConstants(layer.weight)
      }))
  }

  it('what is known of a frozen weight is not taken for one that moves', () =>
    scope(() => {
      const layer = layerOf(false)
      const f = () => bidoraLinear(double(x), layer)
      f() // computes the weight's norms and keeps them
      const t = double([
        [1, 2, 3],
        [-1, 0, 1],
      ])
      const { tangents } = jvp(f, [layer.weight], [t])
      const at = (step: number) =>
        bidoraLinear(double(x), { ...layer, weight: ops.add(layer.weight, t, { alpha: step }) })
      const difference = ops.sub(at(1e-6), at(-1e-6)).div(2e-6).tolist() as number[][]
      ;(tangents[0]!.tolist() as number[][])[0]!.forEach((value, i) =>
        assert.ok(Math.abs(value - difference[0]![i]!) < 1e-8),
      )
      forgetConstants(layer.weight)
    }))
})

describe('jvp in threads', function () {
  this.timeout(120_000)
  const torch = new URL('../../../lib/torch.js', import.meta.url).href
  const run = (worker: string, body: string) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { Worker } from 'node:worker_threads'
        import { jvp, tensor } from ${JSON.stringify(torch)}
        const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(`
          import { parentPort } from 'node:worker_threads'
          import { jvp, randn, scope, setNumThreads, tensor } from ${JSON.stringify(torch)}
          setNumThreads(1)
          ${worker}`)}))
        ${body}`,
      ],
      { encoding: 'utf8', timeout: 60_000 },
    )

  it('several at once take turns and all are right', () => {
    const { status, stdout, stderr } = run(
      `let wrong = 0
       for (let i = 0; i < 200; i++) scope(() => {
         const { tangents } = jvp(x => x.mul(x), [tensor([i])], [tensor([1])])
         if (tangents[0].item() !== 2 * i) wrong++
       })
       parentPort.postMessage(wrong)`,
      `console.log((await Promise.all([0, 1, 2].map(() => new Promise((done, failed) => {
         const w = new Worker(url); w.once('message', done); w.once('error', failed) })))).join())`,
    )
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trim(), '0,0,0')
  })

  it('a worker that is terminated inside one leaves it to others', () => {
    const { status, stdout, stderr } = run(
      `jvp(x => { parentPort.postMessage('inside'); for (;;) x.mul(x) }, [tensor([1])], [tensor([1])])`,
      `const w = new Worker(url)
       await new Promise(done => w.once('message', done))
       await w.terminate()
       console.log(jvp(x => x.mul(x), [tensor([3])], [tensor([1])]).tangents[0].item())`,
    )
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trim(), '6')
  })
})
