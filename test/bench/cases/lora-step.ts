import { findModel } from '../../../lib/setup/assets.ts'
import type { BenchCase, BenchRow } from '../case.ts'
import { Peer, peerPython } from '../peer.ts'
import { loraStepper } from '../steps.ts'
import { compareTurns, equalWithoutDropout } from '../turns.ts'
import { loadBatch, makeBatches, makeModel, shapes, writeBatches } from '../work.ts'

const settings = { method: 'lora', rank: 8, loraAlpha: 16, loraDropout: 0, targetModules: ['query', 'value'] } as const

/** Ours against PEFT: one LoRA step on query and value. */
export const loraStep: BenchCase = {
  name: 'lora-step',
  async run({ rounds, threads, data }) {
    const python = await peerPython()
    const rows: BenchRow[] = []
    for (const shape of shapes) {
      const plain = await makeBatches(shape, Math.min(rounds, 40), data)
      const batches = plain.map(loadBatch)
      const { model, adapter, lower } = makeModel(settings)
      const args = [
        '--model',
        findModel(),
        '--batches',
        writeBatches({ train: plain }),
        '--adapter',
        adapter,
        '--threads',
        String(threads),
      ]
      const step = loraStepper(model, lower)
      let place = 0
      const next = () => batches[place++ % batches.length] as (typeof batches)[0]

      const still = await Peer.start(python, 'lora_step.py', [...args, '--no-dropout'])
      model.train(false)
      await equalWithoutDropout('lora-step', still, () => ({ loss: step(next()) }))
      still.stop()

      const peer = await Peer.start(python, 'lora_step.py', args)
      model.train(true)
      rows.push(await compareTurns('lora-step', shape.name, 'PEFT', rounds, () => void step(next()), peer))
      peer.stop()
      model.dispose()
    }
    return rows
  },
}
