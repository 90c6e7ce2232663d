import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { MagnitudeAxis } from '../../lib/adapters/index.ts'
import { analyze } from '../../lib/analyze/index.ts'
import { weightChange } from '../../lib/analyze/change.ts'
import type { StoredWeight } from '../../lib/analyze/decompose.ts'
import { fitLine } from '../../lib/analyze/fit.ts'
import { SafetensorsFile } from '../../lib/io/index.ts'
import { type Golden, openGolden, type TensorReference } from './adapters-golden.ts'
import { makerHash, readGolden, root } from './golden.ts'

type Changes = Record<'magnitudeChange' | 'directionChange' | 'meanMagnitude', number>
interface Stored {
  weight: TensorReference
  loraA?: TensorReference
  loraB?: TensorReference
  scaling?: number
  magnitude?: TensorReference
  magnitudeAxis?: MagnitudeAxis
}
interface Cases {
  cases: { id: string; axis: MagnitudeAxis; before: Stored; after: Stored; numpy: Changes; exact: Changes }[]
  lines: { id: string; x: number[]; y: number[]; slope: number; intercept: number; correlation: number }[]
}

describe('parity: analyze', () => {
  const golden = openGolden<Cases>('analyze')
  const { tolerance, scriptSha256 } = readGolden('analyze').manifest as {
    tolerance: Record<'numpy' | 'exact', number>
    scriptSha256: string
  }

  it('reads what its maker wrote', () => {
    assert.equal(scriptSha256, makerHash('analyze.py'))
    assert.ok(golden.cases.cases.length >= 30)
  })

  for (const { id, axis, before, after, numpy, exact } of golden.cases.cases) {
    it(`${id}: numpy's changes, and the digits that numpy loses`, () => {
      const got = weightChange(storedWeight(golden, before), storedWeight(golden, after), axis)
      for (const name of ['magnitudeChange', 'directionChange', 'meanMagnitude'] as const) {
        const error = (expected: number) => Math.abs(got[name] - expected)
        assert.ok(error(numpy[name]) <= tolerance.numpy, `${name}: ${got[name]}, numpy has ${numpy[name]}`)
        // Each number of a unit line is rounded, so the distance of two lines is known to some 1e-16, its square to
        // 1e-16 times the distance. 1 - cos would be known to 1e-16, whatever its size.
        const rounding = name === 'directionChange' ? 4e-16 * Math.sqrt(exact[name]) : 4e-16 * exact.meanMagnitude
        const bound = tolerance.exact * exact[name] + rounding
        assert.ok(error(exact[name]) <= bound, `${name}: ${got[name]}, exact is ${exact[name]}`)
      }
    })
  }

  for (const { id, x, y, ...expected } of golden.cases.lines) {
    it(`${id}: scipy's line`, () => {
      const line = fitLine(x, y)
      for (const name of ['slope', 'intercept', 'correlation'] as const) {
        const error = Math.abs(line[name]! - expected[name])
        assert.ok(
          error <= 1e-12 * Math.abs(expected[name]) + 1e-18,
          `${name}: ${line[name]}, scipy has ${expected[name]}`,
        )
      }
    })
  }
})

interface Merged {
  cases: {
    adapter: string
    base: string
    dtype: 'float32' | 'float64'
    mergedWeight: Record<string, TensorReference>
  }[]
}

describe('parity: analyze with PEFT', () => {
  const golden = openGolden<Merged>('peft')
  const folder = (name: string) => join(root, 'test/golden', name)

  for (const { adapter, base, dtype, mergedWeight } of golden.cases.cases) {
    it(`${adapter}, ${dtype}: an adapter of PEFT moved as the weights that PEFT merged`, async () => {
      const model = join(folder('models'), base, 'model')
      const rounding = dtype === 'float64' ? 1e-12 : 2e-7 // of PEFT's merge
      const weights = new SafetensorsFile(join(model, 'model.safetensors'))
      for (const magnitudeAxis of ['out', 'in'] as const) {
        const { layers } = await analyze({ adapter: join(folder('peft'), adapter), model, magnitudeAxis })
        assert.deepEqual(layers.map(({ layer }) => `${layer}.weight`).sort(), Object.keys(mergedWeight).sort())
        for (const { layer, magnitudeChange, directionChange } of layers) {
          const name = `${layer}.weight`
          const [before, after] = [{ weight: weights.tensor(name) }, { weight: golden.tensor(mergedWeight[name]!) }]
          const expected = weightChange(before, after, magnitudeAxis)
          assert.ok(expected.directionChange > 1e-4, `${layer} moved`)
          assert.ok(Math.abs(magnitudeChange - expected.magnitudeChange) < rounding * expected.meanMagnitude, name)
          assert.ok(Math.abs(directionChange - expected.directionChange) < rounding, name)
        }
      }
    })
  }
})

function storedWeight(golden: Golden<Cases>, stored: Stored): StoredWeight {
  const { weight, loraA, loraB, scaling = 1, magnitude, magnitudeAxis = 'out' } = stored
  return {
    weight: golden.tensor(weight),
    lowRank: loraA && loraB && { loraA: golden.tensor(loraA), loraB: golden.tensor(loraB), scaling },
    magnitude: magnitude && { values: golden.tensor(magnitude), axis: magnitudeAxis },
  }
}
