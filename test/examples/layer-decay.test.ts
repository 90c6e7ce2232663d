import assert from 'node:assert/strict'
import { Random } from '../../lib/data/index.ts'
import { exp, sub } from '../../lib/ops/index.ts'
import { scope } from '../../lib/tensor/index.ts'
import { compare, learnDecays, makeRows, solve } from './layer-decay.ts'
import { means } from './script.ts'

describe('example: weight decay per layer', () => {
  it('grows where there is nothing but noise, and does better than every single decay', () => {
    const runs = [0, 1, 2].map(seed => compare({ seed }))
    for (const { decayOfSignal, decayOfNoise } of runs) {
      assert.ok(decayOfNoise > 1 && decayOfNoise > 10 * decayOfSignal, `decays ${decayOfSignal} and ${decayOfNoise}`)
    }
    const { learned, bestSingle, noDecay } = means(runs)
    // All but the noise of variance 1 is the model's fault.
    assert.ok(learned - 1 < 0.5 * (bestSingle - 1) && bestSingle < noDecay, `${learned}, ${bestSingle}, ${noDecay}`)
  })

  it('has its lower level solved: the layers are the closed form of their decays', () =>
    scope(() => {
      const random = new Random(0, 'decay')
      const [lower, upper] = [makeRows(random, 60), makeRows(random, 60)]
      const { layers, logDecays } = learnDecays(lower, upper)
      const solution = solve(lower, exp(logDecays).tolist() as number[])
      layers.forEach((layer, i) => {
        const far = sub(layer, solution[i]!).abs().max().item()
        assert.ok(far < 0.02, `layer ${i}: ${far} from its solution`)
      })
    }))
})
