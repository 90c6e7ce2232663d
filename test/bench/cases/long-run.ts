import assert from 'node:assert/strict'
import { memoryStats } from '../../../lib/torch.ts'
import type { BenchCase } from '../case.ts'
import { roundStepper } from '../steps.ts'
import { spread } from '../turns.ts'
import { loadBatch, makeBatches, makeModel, seconds, shapes } from '../work.ts'

/** A thousand rounds: nothing may grow. */
export const longRun: BenchCase = {
  name: 'long-run',
  async run({ quick, data }) {
    const rounds = quick ? 300 : 1000
    const shape = { ...(shapes[0] as (typeof shapes)[0]), batchSize: 8 }
    const batches = (await makeBatches(shape, 40, data)).map(loadBatch)
    const { model, lower, upper } = makeModel({
      method: 'bidora',
      rank: 8,
      loraAlpha: 16,
      loraDropout: 0,
      targetModules: ['query', 'value'],
      magnitudeAxis: 'out',
      detachNorm: false,
    })
    model.train(true)
    const round = roundStepper(model, lower, upper)
    const times: number[] = []
    let live = 0
    let resident = 0
    for (let i = 1; i <= rounds; i++) {
      times.push(
        seconds(
          () => void round(batches[i % 32] as (typeof batches)[0], batches[32 + (i % 8)] as (typeof batches)[0]),
        ) * 1e3,
      )
      if (i % 10 === 0) await new Promise(done => setImmediate(done))
      if (i === 100) {
        live = memoryStats().liveTensors
        resident = process.memoryUsage().rss
      } else if (i > 100) {
        assert.equal(memoryStats().liveTensors, live, `live tensors after round ${i}`)
      }
    }
    const grown = (process.memoryUsage().rss - resident) / 2 ** 20
    model.dispose()
    return [
      {
        case: 'long-run',
        shape: `${rounds} rounds of CoLA, batch 8`,
        ours: spread(times),
        note: `${live} live tensors at the end of every round from 100 on; resident memory ${grown >= 0 ? '+' : ''}${grown.toFixed(1)} MB against round 100`,
      },
    ]
  },
}
