import { type TuningSettings, trainableParameters } from '../../../lib/adapters/index.ts'
import { useGradientCheckpointing } from '../../../lib/models/index.ts'
import { memoryStats, resetPeakMemory } from '../../../lib/torch.ts'
import type { BenchCase, BenchRow } from '../case.ts'
import { loraStepper } from '../steps.ts'
import { spread } from '../turns.ts'
import { loadBatch, makeBatches, makeModel, seconds } from '../work.ts'

const settings: TuningSettings = {
  method: 'bidora',
  rank: 8,
  loraAlpha: 16,
  loraDropout: 0,
  targetModules: ['query', 'value'],
  magnitudeAxis: 'out',
  detachNorm: false,
}

/** Memory above the model at the peak of a lower step, and its time, with and without gradient checkpointing. */
export const checkpointing: BenchCase = {
  name: 'checkpointing',
  async run({ rounds, data }) {
    const shape = { name: '128 tokens, batch 32', dataset: 'rte', batchSize: 32, joined: 8 }
    const [plain] = await makeBatches(shape, 1, data)
    const batch = loadBatch(plain!)
    const { model } = makeModel(settings)
    const lower = trainableParameters(model).lower.map(([, parameter]) => parameter)
    const step = loraStepper(model, lower)
    model.train(true)
    const rows: BenchRow[] = []
    for (const [name, enabled] of [
      ['plain', false],
      ['checkpointed', true],
    ] as const) {
      useGradientCheckpointing(model, enabled)
      const [times, peaks]: [number[], number[]] = [[], []]
      for (let i = 0; i < Math.max(3, rounds / 4); i++) {
        resetPeakMemory()
        const before = memoryStats().usedBytes
        times.push(seconds(() => void step(batch)) * 1e3)
        peaks.push((memoryStats().peakUsedBytes - before) / 1e6)
        await new Promise(done => setImmediate(done))
      }
      rows.push({ case: 'checkpointing', shape: `${shape.name}, ${name}`, ours: spread(times.slice(1)) })
      rows.push({ case: 'checkpointing', shape: `${shape.name}, ${name}`, ours: spread(peaks.slice(1)), unit: 'MB' })
    }
    model.dispose()
    return rows
  },
}
