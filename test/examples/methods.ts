// The three examples by every method that needs nothing but the problem, three seeds each: which one works where.
//
//     node --no-warnings dist/test/examples/methods.js       some minutes
import type { MethodChoice } from 'bidora-torch/bilevel'
import * as labelNoise from './label-noise.ts'
import * as layerDecay from './layer-decay.ts'
import { isScript, means } from './script.ts'
import * as sourceMixing from './source-mixing.ts'

const seeds = [0, 1, 2]

/** The steps of `neumann` and `unrolled` are the lower level's; the damping is for heads whose Hessian is indefinite. */
const choices = (stepSize: number, damping: number): MethodChoice[] => [
  { method: 'first-order' },
  { method: 'finite-difference' },
  { method: 'exact' },
  { method: 'unrolled', learningRate: stepSize },
  { method: 'neumann', terms: 10, stepSize },
  { method: 'conjugate-gradient', iterations: 10, damping },
]

/** One line for each method: percent, percent and squared error (the smaller the better). */
export function* compareMethods(): Generator<string> {
  yield 'method              label noise  source mixing  layer decay'
  for (const [i, choice] of choices(0.1, 0.1).entries()) {
    const noise = seeds.map(seed => labelNoise.compare(labelNoise.generatedTask(seed), { seed, method: choice }))
    const mixing = seeds.map(seed => sourceMixing.compare(sourceMixing.generatedTask(seed), { seed, method: choice }))
    const decay = seeds.map(seed => layerDecay.compare({ seed, method: choices(0.03, 0)[i]! }))
    yield [
      choice.method.padEnd(18),
      means(noise).retrained.toFixed(1).padStart(12),
      means(mixing).learned.toFixed(1).padStart(14),
      means(decay).learned.toFixed(3).padStart(12),
    ].join(' ')
  }
}

if (isScript(import.meta.url)) for (const line of compareMethods()) console.log(line)
