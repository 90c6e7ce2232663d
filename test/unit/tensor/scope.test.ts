import assert from 'node:assert/strict'
import { keep, memoryStats, moveToOuter, scope, type Tensor, tensor } from '../../../lib/torch.ts'

const tick = () => new Promise(resolve => setImmediate(resolve))

describe('scope', () => {
  it('disposes what is made inside and keeps what is returned, however deep', () => {
    const inner: Tensor[] = []
    const result = scope(() => {
      const a = tensor([1])
      inner.push(a)
      return { list: [a.add(1)], map: new Map([['b', a.add(2)]]), set: new Set([a.add(3)]), number: 4, nothing: null }
    })
    assert.ok(inner[0]?.disposed)
    assert.deepEqual(result.list[0]?.tolist(), [2])
    assert.deepEqual(result.map.get('b')?.tolist(), [3])
    assert.deepEqual([...result.set][0]?.tolist(), [4])
  })

  it('disposes on a throw', () => {
    let made: Tensor | undefined
    assert.throws(() =>
      scope(() => {
        made = tensor([1])
        throw new Error('stop')
      }),
    )
    assert.ok(made?.disposed)
    assert.equal(memoryStats().openScopes, 0)
  })

  it('nests: what leaves the inner scope ends with the outer', () => {
    let leaves: Tensor | undefined
    scope(() => {
      leaves = scope(() => tensor([1]))
      assert.ok(!leaves.disposed)
    })
    assert.ok(leaves?.disposed)
  })

  it('keep leaves all scopes, moveToOuter one', () => {
    let kept: Tensor | undefined
    let moved: Tensor | undefined
    scope(() => {
      scope(() => {
        kept = keep(tensor([1]))
        moved = moveToOuter(tensor([2]))
      })
      assert.ok(!moved?.disposed)
    })
    assert.ok(moved?.disposed)
    assert.deepEqual(kept?.tolist(), [1])
  })

  it('takes asynchronous functions, also on rejection', async () => {
    let made: Tensor | undefined
    const result = await scope(async () => {
      made = tensor([1])
      await tick()
      const late = made.add(1)
      await tick()
      return late.add(1)
    })
    assert.ok(made?.disposed)
    assert.deepEqual(result.tolist(), [3])
    await assert.rejects(
      scope(async () => {
        await tick()
        made = tensor([5])
        throw new Error('stop')
      }),
    )
    assert.ok(made?.disposed)
    assert.equal(memoryStats().openScopes, 0)
  })

  it('does not mix concurrent asynchronous scopes', async () => {
    const made: Record<string, Tensor[]> = { a: [], b: [] }
    const run = (name: 'a' | 'b', turns: number) =>
      scope(async () => {
        for (let i = 0; i < turns; i++) {
          made[name]?.push(scope(() => tensor([i]).add(1)))
          await tick()
          made[name]?.push(tensor([i]))
        }
        return turns
      })
    const long = run('a', 6)
    await run('b', 2)
    assert.ok(made.b?.every(t => t.disposed))
    assert.ok(made.a?.every(t => !t.disposed))
    await long
    assert.ok(made.a?.every(t => t.disposed))
  })

  it('gives an outer tensor back untouched', () => {
    const outer = tensor([1])
    const same = scope(() => outer)
    assert.equal(same, outer)
    assert.ok(!outer.disposed)
  })
})

describe('dispose', () => {
  it('frees once, and every later use throws a sentence', () => {
    const x = tensor([1, 2])
    const bytes = memoryStats().liveBytes
    x.dispose()
    x.dispose()
    assert.equal(memoryStats().liveBytes, bytes - 8)
    assert.ok(x.disposed)
    for (const use of [() => x.add(1), () => x.shape, () => x.tolist(), () => tensor([1]).add(x), () => keep(x)]) {
      assert.throws(use, { name: 'ArgumentError', code: 'DISPOSED' })
    }
  })

  it('says so when a scope has disposed it', () => {
    let inner: Tensor | undefined
    scope(() => {
      inner = tensor([1])
    })
    assert.throws(() => inner?.add(1), /when its scope ended/)
  })

  it('works with using', () => {
    let seen: Tensor
    {
      using x = tensor([1])
      seen = x
    }
    assert.ok(seen.disposed)
  })

  it('keeps a view alive when its base is disposed, and counts shared bytes once', () => {
    const before = memoryStats().liveBytes
    const base = tensor(new Float32Array(1000))
    const view = base.reshape([10, 100])
    assert.equal(memoryStats().liveBytes - before, 4000)
    base.dispose()
    assert.equal(memoryStats().liveBytes - before, 4000)
    assert.equal(view.sum().item(), 0)
  })
})
