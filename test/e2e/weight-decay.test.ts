import assert from 'node:assert/strict'
import type { GivenFitSettings } from '../../lib/train/config.ts'
import { oneThread, scratch } from './scratch.ts'
import { distance, only, plainTinyModel, trainTiny } from './tiny-training.ts'

type Values = ReadonlyMap<string, number[]>

const even: GivenFitSettings = { schedule: 'constant', warmupRatio: 0 }

/** What one step of AdamW takes off by decay alone: rate times decay times where it began. */
function assertDecayed(got: Values, undecayed: Values, start: Values, factor: number): void {
  const expected = new Map(
    [...undecayed].map(([name, values]) => [name, values.map((value, i) => value - factor * start.get(name)![i]!)]),
  )
  assert.ok(got.size > 0)
  assert.ok(distance(got, expected) < 1e-12)
}

describe('which weight decay is read where (float64, no dropout, one step)', () => {
  oneThread()
  const here = scratch('weight-decay', plainTinyModel)
  const train = async (fit: GivenFitSettings) => (await trainTiny(here.base, { ...even, ...fit })).values
  let start: Values

  before(async () => {
    start = (await trainTiny(here.base, {}, { work: async () => {} })).values
  })

  it('retrainWeightDecay in the retraining, weightDecay where it is not given, neither on magnitudes', async () => {
    const once: GivenFitSettings = { search: false, retrainMagnitudes: true, retrainSteps: 1, retrainLearningRate: 0.1 }
    const plain = await train({ ...once, weightDecay: 0 })
    const decayed = await train({ ...once, weightDecay: 0.9, retrainWeightDecay: 0.5 })
    for (const kind of ['direction', 'head'] as const)
      assertDecayed(only(decayed, kind), only(plain, kind), only(start, kind), 0.1 * 0.5)
    assert.deepEqual(only(decayed, 'magnitude'), only(plain, 'magnitude'))
    assert.deepEqual(await train({ ...once, weightDecay: 0.5 }), decayed)
  })

  it('weightDecay and upperWeightDecay in the search', async () => {
    const once: GivenFitSettings = { retrain: false, searchSteps: 1, lowerLearningRate: 0.1, upperLearningRate: 0.2 }
    const plain = await train({ ...once, weightDecay: 0 })
    const upper = await train({ ...once, weightDecay: 0, upperWeightDecay: 0.3 })
    assertDecayed(only(upper, 'magnitude'), only(plain, 'magnitude'), only(start, 'magnitude'), 0.2 * 0.3)
    assert.deepEqual(only(upper, 'direction'), only(plain, 'direction'))
    const lower = await train({ ...once, weightDecay: 0.5, upperWeightDecay: 0.3 })
    for (const kind of ['direction', 'head'] as const)
      assertDecayed(only(lower, kind), only(plain, kind), only(start, kind), 0.1 * 0.5)
  })
})
