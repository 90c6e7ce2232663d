import assert from 'node:assert/strict'
import { backwardFlops, forwardFlops, loraStepFlops, roundFlops } from '../../bench/flops.ts'

describe('the operations of a step', () => {
  // Two texts of 3 and 1 tokens, hidden 4, feed-forward part of 8, rank 2, three labels: counted by hand.
  const shape = { hidden: 4, intermediate: 8, rank: 2, labels: 3, lengths: [3, 1] }
  const head = 2 * 2 * 4 * (4 + 3) // two texts through [4, 4] and [4, 3]

  it('of one layer, which works for the pooled token alone', () => {
    const frozen = 2 * (2 * 4 * 4) + 2 * (4 * 4 * 4) * 2 // queries of 2, keys and values of 4
    const above = 2 * 2 * (4 * 4 + 2 * 4 * 8) // output, feed-forward part, of 2
    const attention = 2 * 2 * 4 * (1 * 3 + 1 * 1) // one query a text: scores and their sums
    const lowRank = 2 * 2 * 4 * (2 + 4) // one factor, of the query's 2 and the value's 4 rows
    const one = { ...shape, layers: 1 }
    assert.equal(forwardFlops(one), head + frozen + above + attention + 2 * lowRank)
    // Nothing leads to the embeddings: no gradient of the first layer's inputs, nor of its key.
    assert.equal(backwardFlops(one, 'factors'), head + above + 1.5 * attention + 3 * lowRank)
    assert.equal(backwardFlops(one, 'magnitudes'), head + above + 1.5 * attention)
  })

  it('of a layer in between: all tokens, and gradients through everything', () => {
    const added = (of: (layers: number) => number) => of(3) - of(2)
    const frozen = 2 * 4 * 4 * 3 * 4
    const above = 2 * 4 * (4 * 4 + 2 * 4 * 8)
    const attention = 2 * 2 * 4 * (9 + 1)
    const lowRank = 2 * 2 * 4 * (4 + 4)
    assert.equal(
      added(layers => forwardFlops({ ...shape, layers })),
      frozen + above + attention + 2 * lowRank,
    )
    assert.equal(
      added(layers => backwardFlops({ ...shape, layers }, 'factors')),
      frozen + above + 2 * attention + 4 * lowRank,
    )
    assert.equal(
      added(layers => backwardFlops({ ...shape, layers }, 'magnitudes')),
      frozen + above + 2 * attention + 2 * lowRank,
    )
  })

  it('of a round: four forwards and backwards, two of them for the magnitudes alone', () => {
    const [lower, upper] = [
      { ...shape, layers: 2 },
      { ...shape, layers: 2, lengths: [5] },
    ]
    const perturbed = forwardFlops(lower) + backwardFlops(lower, 'magnitudes')
    assert.equal(roundFlops(lower, upper), loraStepFlops(lower) + loraStepFlops(upper) + 2 * perturbed)
    assert.equal(loraStepFlops(lower), forwardFlops(lower) + backwardFlops(lower, 'factors'))
  })
})
