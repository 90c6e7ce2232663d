import assert from 'node:assert/strict'
import { attachedAdapters, FourierLinear, prepareModel } from '../../../lib/adapters/index.ts'
import { grad } from '../../../lib/autograd/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import { Linear } from '../../../lib/nn/index.ts'
import { mul, randn, sub, sum } from '../../../lib/ops/index.ts'
import { manualSeed, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { assertLeavesNothing } from './tiny-model.ts'

const settings = { method: 'fourierft', targetModules: ['query', 'value'], randomLocSeed: 3 } as const
const listed = (tensor: Tensor) => tensor.tolist() as number[][]

/** The sum of cosines that the real part of the inverse transform is, and its gradient by each coefficient. */
function cosines(places: readonly (readonly [number, number])[], [out, width]: readonly [number, number]) {
  return places.map(([u, v]) =>
    Array.from({ length: out }, (_, j) =>
      Array.from(
        { length: width },
        (_, k) => Math.cos(2 * Math.PI * ((u * j) / out + (v * k) / width)) / (out * width),
      ),
    ),
  )
}

describe('FourierLinear', () => {
  for (const [out, width] of [
    [6, 8],
    [8, 5],
    [7, 7],
    [1, 4],
  ] as const) {
    it(`[${out}, ${width}] with every coefficient: the change is the sum of cosines, and its gradients are the cosines`, () => {
      manualSeed(1)
      const count = out * width
      const base = new Linear(width, out, { dtype: 'float64' })
      const layer = new FourierLinear(base, { ...settings, nFrequency: count, scaling: 3 })
      scope(() => {
        // Which coefficient is which follows from the change that each one alone makes.
        const spectrum = layer.spectrum.tolist() as number[]
        const cotangent = randn([out, width], { dtype: 'float64' })
        const change = sub(layer.mergedWeight(), layer.weight)
        const [gradient] = grad(sum(mul(change, cotangent)), [layer.spectrum])
        const all = Array.from({ length: count }, (_, flat) => [Math.floor(flat / width), flat % width] as const)
        const waves = cosines(all, [out, width])
        const inner = (wave: number[][]) =>
          3 * wave.flat().reduce((total, value, i) => total + value * listed(cotangent).flat()[i]!, 0)
        const expected = waves.map(inner)
        // Every place is drawn once: match the gradients with the waves as a whole.
        const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
        sorted(gradient!.tolist() as number[]).forEach((value, i) =>
          assert.ok(Math.abs(value - sorted(expected)[i]!) < 1e-12),
        )
        const total = spectrum.reduce((sum, value, i) => sum + value * (gradient!.tolist() as number[])[i]!, 0)
        const got = listed(change)
          .flat()
          .reduce((sum, value, i) => sum + value * listed(cotangent).flat()[i]!, 0)
        assert.ok(Math.abs(total - got) < 1e-12) // the change is linear in the spectrum
      })
      layer.dispose()
    })
  }

  it('refuses more coefficients than there are', () => {
    const base = new Linear(4, 3)
    for (const nFrequency of [0, 13, 1.5])
      assert.throws(
        () => new FourierLinear(base, { ...settings, nFrequency }),
        (error: Error) => error instanceof ArgumentError && /nFrequency .* from 1 to 12/.test(error.message),
      )
    base.dispose()
  })

  it('leaves the base as it was, and no tensor behind', () => {
    assertLeavesNothing((model, logits, before) => {
      prepareModel(model, { ...settings, nFrequency: 9 })
      assert.equal(attachedAdapters(model).size, 4)
      assert.notDeepEqual(logits(), before) // the spectrum starts random
    })
  })
})
