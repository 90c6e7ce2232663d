import assert from 'node:assert/strict'
import { TorchError } from '../../lib/errors.ts'
import { dropout } from '../../lib/nn/index.ts'
import { getRngState, manualSeed, ones, rand, randn, randperm, scope, setRngState, zeros } from '../../lib/torch.ts'
import { describeOnCuda, describeOnDevice, device } from './device.ts'

describeOnDevice('generators', () => {
  /** Every way the library draws: values, masks, orders. */
  const draws = () =>
    scope(() => [
      rand([5], { device }).tolist(),
      randn([1000], { device }).tolist(),
      randperm(50, { device }).tolist(),
      zeros([200], { device }).bernoulli_(0.5).tolist(),
      zeros([7], { device }).uniform_({ from: -1, to: 1 }).tolist(),
      dropout(ones([3, 40], { device }), 0.3).tolist(),
    ])

  it('repeat after manualSeed', () => {
    manualSeed(7)
    const first = draws()
    assert.notDeepEqual(draws(), first)
    manualSeed(7)
    assert.deepEqual(draws(), first)
    manualSeed(8)
    assert.notDeepEqual(draws(), first)
  })

  it('are saved and restored in the middle of their work', () => {
    manualSeed(7)
    draws()
    const state = getRngState(device)
    const expected = draws()
    assert.notDeepEqual(getRngState(device), state)
    setRngState(state, device)
    assert.deepEqual(getRngState(device), state)
    assert.deepEqual(draws(), expected)
  })

  it('refuse bytes that are no state, and go on', () => {
    assert.throws(() => setRngState(Uint8Array.of(1, 2, 3), device), TorchError)
    manualSeed(7)
    const first = draws()
    manualSeed(7)
    assert.deepEqual(draws(), first)
  })
})

describeOnCuda('generators of two devices', () => {
  it('do not disturb each other', () =>
    scope(() => {
      manualSeed(3)
      const here = randn([8]).tolist()
      manualSeed(3)
      randn([100], { device })
      assert.deepEqual(randn([8]).tolist(), here)
    }))
})
