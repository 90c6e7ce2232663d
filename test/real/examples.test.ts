import assert from 'node:assert/strict'
import * as labelNoise from '../examples/label-noise.ts'
import { means } from '../examples/script.ts'
import { loadSentiment, type Sentiment, whyNot } from '../examples/sentences.ts'
import * as sourceMixing from '../examples/source-mixing.ts'

const seeds = [0, 1, 2, 3, 4]

describe('the examples of two-level problems, on sentences', function () {
  this.timeout(600_000)
  let sentences: Sentiment

  before(async function () {
    const reason = whyNot()
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`)
      this.skip()
    }
    sentences = await loadSentiment()
  })

  it('SST-2 with 30 % of 2,000 labels flipped: weights win back at least half of the loss', () => {
    const got = means(seeds.map(seed => labelNoise.compare(labelNoise.sentimentTask(sentences, seed), { seed })))
    const cost = got.cleanLabels - got.noisy
    assert.ok(cost >= 4, `flipping costs ${cost} points`)
    for (const name of ['reweighted', 'retrained'] as const) {
      assert.ok(got[name] - got.noisy >= cost / 2, `${name}: ${got[name]} from ${got.noisy} of ${got.cleanLabels}`)
      assert.ok(got[name] > Math.max(got.noisyAndClean, got.cleanAlone), `${name}: ${JSON.stringify(got)}`)
    }
  })

  it('SST-2 from SST-2, RTE and SST-2 upside down: the shares are in this order, and beat an even mix', () => {
    const runs = seeds.map(seed => sourceMixing.compare(sourceMixing.sentimentTask(sentences, seed), { seed }))
    const got = means(runs)
    for (const { shareOfSame, shareOfOther, shareOfMisleading } of runs)
      assert.ok(shareOfSame > shareOfOther && shareOfOther > shareOfMisleading, JSON.stringify(runs))
    assert.ok(got.learned > got.uniform + 10 && got.learned > got.targetAlone, JSON.stringify(got))
  })
})
