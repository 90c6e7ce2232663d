import { bidoraLinear, mergedWeight, orthogonality } from '../../../lib/adapters/index.ts'
import { grad } from '../../../lib/autograd/index.ts'
import { randn, square, sum } from '../../../lib/ops/index.ts'
import { manualSeed, scope, setNumThreads } from '../../../lib/tensor/index.ts'
import { randomLayer } from './layers.ts'

// Run as a process of its own: prints by how many bytes the peak of resident memory rises in a forward and backward pass.

setNumThreads(1)
manualSeed(1)

function rise(run: () => unknown): number {
  const before = process.resourceUsage().maxRSS
  scope(() => void run())
  return (process.resourceUsage().maxRSS - before) * 1024
}

/** Wide, so that the Gram matrix of its rows is small. */
function measure(width: number): Record<string, number> {
  const x = randn([4, width])
  const layer = randomLayer({ out: 512, width, rank: 4, magnitudeAxis: 'out', dtype: 'float32' })
  const magnitude = randn([width])
  magnitude.requiresGrad = true
  scope(() => bidoraLinear(x, layer)) // what is made of a weight once, as the copy that products read
  const perInput = { ...layer, magnitudeAxis: 'in', magnitude } as const
  const pass = (made: typeof layer | typeof perInput) =>
    rise(() => grad(sum(square(bidoraLinear(x, made))), [layer.loraA, layer.loraB, made.magnitude]))
  return {
    weightBytes: layer.weight.numel * 4,
    out: pass(layer),
    in: pass(perInput),
    detached: pass({ ...layer, detachNorm: true }),
    orthogonality: rise(() => grad(orthogonality([layer]), [layer.loraA, layer.loraB])),
    merged: rise(() => mergedWeight(layer)), // last: the peak stays
  }
}

measure(64) // so that libraries are loaded and threads started
console.log(JSON.stringify(measure(1 << 15)))
