import assert from 'node:assert/strict'
import {
  type BidoraLayer,
  bidoraLinear,
  directionNorm,
  forgetConstants,
  mergedWeight,
  orthogonality,
} from '../../lib/adapters/index.ts'
import { grad } from '../../lib/autograd/index.ts'
import { add, mul, sum } from '../../lib/ops/index.ts'
import { scope, type Tensor } from '../../lib/tensor/index.ts'
import { assertClose, openGolden, type TensorReference } from './adapters-golden.ts'

type Named = Record<string, TensorReference>
interface Second {
  cotangents: Named
  gradients: Named
}
interface LayerCase
  extends Record<
    | 'weight'
    | 'loraA'
    | 'loraB'
    | 'magnitude'
    | 'x'
    | 'cotangent'
    | 'norm'
    | 'normCotangent'
    | 'merged'
    | 'mergedCotangent'
    | 'output',
    TensorReference
  > {
  id: string
  magnitudeAxis: 'in' | 'out'
  detachNorm: boolean
  scaling: number
  bias: TensorReference | null
  orthogonality: number
  zeroLines: number[]
  normGradients: Named
  mergedGradients: Named
  gradients: Named
  second?: Second
  orthogonalityGradients: Named
  orthogonalitySecond: Second
}
interface Cases {
  cases: LayerCase[]
  sets: { id: string; layers: string[]; orthogonality: number; gradients: Named[] }[]
}

const golden = openGolden<Cases>('layers')
const tolerance = { absolute: 1e-13, relative: 1e-11 }

interface Opened {
  layer: BidoraLayer
  leaves: Record<string, Tensor>
}

function open(one: LayerCase): Opened {
  const leaf = (reference: TensorReference) => {
    const tensor = golden.tensor(reference)
    tensor.requiresGrad = true
    return tensor
  }
  const leaves: Record<string, Tensor> = {
    x: leaf(one.x),
    loraA: leaf(one.loraA),
    loraB: leaf(one.loraB),
    magnitude: leaf(one.magnitude),
  }
  if (one.bias) leaves.bias = leaf(one.bias)
  const { magnitudeAxis, detachNorm, scaling } = one
  const layer = {
    weight: golden.tensor(one.weight),
    bias: leaves.bias,
    loraA: leaves.loraA!,
    loraB: leaves.loraB!,
    magnitude: leaves.magnitude!,
    scaling,
    magnitudeAxis,
    detachNorm,
  }
  return { layer, leaves }
}

/** Runs a check on an opened case and frees what it made, the weight's constants too. */
function withCase(one: LayerCase, check: (opened: Opened) => void): void {
  scope(() => {
    const opened = open(one)
    try {
      check(opened)
    } finally {
      forgetConstants(opened.layer.weight)
    }
  })
}

const total = (terms: Tensor[]) => terms.reduce((left, right) => add(left, right))

function checkGradients(value: Tensor, expected: Named, leaves: Record<string, Tensor>, what: string): void {
  const names = Object.keys(expected)
  const got = grad(
    value,
    names.map(name => leaves[name]!),
  )
  names.forEach((name, i) =>
    assertClose(got[i]!, golden.tensor(expected[name]!), `${what} with respect to ${name}`, tolerance),
  )
}

/** First gradients with their graph, weighed by cotangents, differentiated again. */
function checkSecond(
  value: Tensor,
  { cotangents, gradients }: Second,
  leaves: Record<string, Tensor>,
  what: string,
): void {
  const names = Object.keys(cotangents)
  const first = grad(
    value,
    names.map(name => leaves[name]!),
    { createGraph: true },
  )
  const weighed = total(first.map((gradient, i) => sum(mul(gradient, golden.tensor(cotangents[names[i]!]!)))))
  const wanted = Object.keys(gradients)
  const got = weighed.requiresGrad
    ? grad(
        weighed,
        wanted.map(name => leaves[name]!),
        { allowUnused: true },
      )
    : wanted.map(() => null)
  wanted.forEach((name, i) => {
    const expected = golden.tensor(gradients[name]!)
    const zeros = new Array<number>(expected.numel).fill(0)
    assertClose(got[i] ?? zeros, expected, `${what}, second, with respect to ${name}`, tolerance)
  })
}

describe('adapted layers against dense PyTorch (float64)', () => {
  for (const one of golden.cases.cases) {
    describe(one.id, () => {
      it('norm', () =>
        withCase(one, ({ layer, leaves }) => {
          const norm = directionNorm(layer)
          assertClose(norm, golden.tensor(one.norm), 'norm', tolerance)
          checkGradients(sum(mul(norm, golden.tensor(one.normCotangent))), one.normGradients, leaves, 'norm')
          for (const line of one.zeroLines) assert.equal((norm.tolist() as number[])[line], 0)
        }))

      it('forward and backward', () =>
        withCase(one, ({ layer, leaves }) => {
          const output = bidoraLinear(leaves.x!, layer)
          assertClose(output, golden.tensor(one.output), 'output', tolerance)
          checkGradients(sum(mul(output, golden.tensor(one.cotangent))), one.gradients, leaves, 'output')
        }))

      if (one.second) {
        it('second derivatives', () =>
          withCase(one, ({ layer, leaves }) => {
            const value = sum(mul(bidoraLinear(leaves.x!, layer), golden.tensor(one.cotangent)))
            checkSecond(value, one.second!, leaves, 'output')
          }))
      }

      it('merged weight', () =>
        withCase(one, ({ layer, leaves }) => {
          const merged = mergedWeight(layer)
          assertClose(merged, golden.tensor(one.merged), 'merged', tolerance)
          checkGradients(sum(mul(merged, golden.tensor(one.mergedCotangent))), one.mergedGradients, leaves, 'merged')
        }))

      it('orthogonality, its gradient and its second derivative', () =>
        withCase(one, ({ layer, leaves }) => {
          const value = orthogonality([layer])
          assertClose(value, one.orthogonality, 'orthogonality', tolerance)
          checkGradients(value, one.orthogonalityGradients, leaves, 'orthogonality')
          checkSecond(orthogonality([layer]), one.orthogonalitySecond, leaves, 'orthogonality')
        }))
    })
  }

  for (const set of golden.cases.sets) {
    it(`orthogonality of ${set.id}`, () =>
      scope(() => {
        const opened = set.layers.map(id => open(golden.cases.cases.find(one => one.id === id)!))
        const value = orthogonality(opened.map(({ layer }) => layer))
        assertClose(value, set.orthogonality, 'orthogonality', tolerance)
        opened.forEach(({ leaves }, i) => {
          const names = Object.keys(set.gradients[i]!)
          const got = grad(
            value,
            names.map(name => leaves[name]!),
            { retainGraph: true },
          )
          names.forEach((name, k) => assertClose(got[k]!, golden.tensor(set.gradients[i]![name]!), name, tolerance))
        })
        for (const { layer } of opened) forgetConstants(layer.weight)
      }))
  }
})
