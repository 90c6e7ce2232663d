import assert from 'node:assert/strict'
import { Random, shuffle } from '../../../lib/data/index.ts'

const take = (random: Random, count: number) => Array.from({ length: count }, () => random.uint32())

describe('random numbers of splits', () => {
  it('are those of the reference xoshiro128** 1.1', () => {
    // First outputs of Blackman and Vigna's C code from the state 1, 2, 3, 4 (also the vector of Rust's rand_xoshiro).
    assert.deepEqual(
      take(Random.fromState([1, 2, 3, 4]), 10),
      [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804],
    )
  })

  it('stay the same for ever: a seed is a promise', () => {
    // Computed by a second implementation, in Python's whole numbers, from the description of the class.
    assert.deepEqual(take(new Random(0), 3), [1178330287, 1732734614, 4226778431])
    assert.deepEqual(take(new Random(42, 'loader', 'lower', 3), 3), [3382398062, 2005515448, 2204827206])
    assert.deepEqual(shuffle('abcdefgh', new Random(1)).join(''), 'cebgfadh')
  })

  it('differ by seed and by key', () => {
    const first = (...keys: (string | number)[]) => new Random(7, ...keys).uint32()
    const drawn = [
      first(),
      first('a'),
      first('b'),
      first('a', 0),
      first('a', 1),
      new Random(8).uint32(),
      new Random(-7).uint32(),
    ]
    assert.equal(new Set(drawn).size, drawn.length)
  })

  it('below a limit are all equally likely', () => {
    const random = new Random(3)
    const counts = [0, 0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++
    // Chi square with 6 degrees of freedom: above 22.5 in one of a thousand seeds.
    const chi = counts.reduce((total, count) => total + (count - 10_000) ** 2 / 10_000, 0)
    assert.ok(chi < 22.5, String(chi))
    assert.equal(random.below(1), 0)
    assert.ok(random.below(2 ** 32) < 2 ** 32)
  })

  it('shuffle into every order, leaving the argument alone', () => {
    const values = [1, 2, 3]
    const random = new Random(5)
    const orders = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = shuffle(values, random).join('')
      orders.set(order, (orders.get(order) ?? 0) + 1)
    }
    assert.deepEqual(values, [1, 2, 3])
    assert.equal(orders.size, 6)
    for (const count of orders.values()) assert.ok(Math.abs(count - 1000) < 150)
    assert.deepEqual(shuffle([], random), [])
  })

  it('need a whole seed', () => {
    for (const seed of [0.5, Number.NaN, '1' as unknown as number]) {
      assert.throws(() => new Random(seed), { name: 'ArgumentError', code: 'DATA_SEED' })
    }
  })
})
