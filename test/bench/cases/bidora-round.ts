import { findModel } from '../../../lib/setup/assets.ts'
import type { BenchCase, BenchRow } from '../case.ts'
import { Peer, peerPython } from '../peer.ts'
import { loraStepper, roundStepper } from '../steps.ts'
import { compareTurns, equalWithoutDropout, spread } from '../turns.ts'
import { loadBatch, makeBatches, makeModel, median, seconds, shapes, writeBatches } from '../work.ts'

const common = { rank: 8, loraAlpha: 16, loraDropout: 0, targetModules: ['query', 'value'] } as const

/** Ours against the same round in plain PyTorch, and against our own LoRA step. */
export const bidoraRound: BenchCase = {
  name: 'bidora-round',
  async run({ rounds, threads, data }) {
    const python = await peerPython()
    const rows: BenchRow[] = []
    for (const shape of shapes) {
      const plain = await makeBatches(shape, 40, data)
      const [lowerPlain, upperPlain] = [plain.slice(0, 32), plain.slice(32)]
      const lowerBatches = lowerPlain.map(loadBatch)
      const upperBatches = upperPlain.map(loadBatch)
      const { model, adapter, lower, upper } = makeModel({
        method: 'bidora',
        magnitudeAxis: 'out',
        detachNorm: false,
        ...common,
      })
      const file = writeBatches({ lower: lowerPlain, upper: upperPlain })
      const args = [
        '--model',
        findModel(),
        '--batches',
        file,
        '--adapter',
        adapter,
        '--threads',
        String(threads),
        '--axis',
        'out',
      ]
      const round = roundStepper(model, lower, upper)
      let place = 0
      const next = () => {
        const i = place++
        return round(
          lowerBatches[i % lowerBatches.length] as (typeof lowerBatches)[0],
          upperBatches[i % upperBatches.length] as (typeof upperBatches)[0],
        )
      }

      const still = await Peer.start(python, 'bidora_round.py', [...args, '--no-dropout'])
      model.train(false)
      await equalWithoutDropout('bidora-round', still, () => ({ ...next() }))
      still.stop()

      const peer = await Peer.start(python, 'bidora_round.py', args)
      model.train(true)
      rows.push(await compareTurns('bidora-round', shape.name, 'plain PyTorch', rounds, () => void next(), peer))
      peer.stop()

      // The price of the method: one round in LoRA steps of the same batches, again in turn.
      const lora = makeModel({ method: 'lora', ...common })
      lora.model.train(true)
      const step = loraStepper(lora.model, lora.lower)
      const roundTimes: number[] = []
      const stepTimes: number[] = []
      for (let i = 0; i < rounds; i++) {
        roundTimes.push(seconds(() => void next()) * 1e3)
        stepTimes.push(
          seconds(() => void step(lowerBatches[i % lowerBatches.length] as (typeof lowerBatches)[0])) * 1e3,
        )
      }
      rows.push({
        case: 'bidora-round',
        shape: shape.name,
        ours: spread(roundTimes),
        peer: { name: 'our LoRA step', ...spread(stepTimes) },
        ratio: median(roundTimes) / median(stepTimes),
      })
      model.dispose()
      lora.model.dispose()
    }
    return rows
  },
}
