import { agreement } from '../agreement.ts'
import type { BenchCase, BenchOptions, BenchRow } from '../case.ts'
import { makeTwin, ourEntrants, peerEntrant, textsOf, twins } from '../entrants.ts'
import { Peer, peerPython } from '../peer.ts'
import { fastest, targetOf } from '../targets.ts'
import { against, spread, takeTurns } from '../turns.ts'
import { ourLoraName, peftName, variants } from '../variants.ts'
import { median, type Shape, shapes } from '../work.ts'

/** Of ours, what `--quick` times; and the milliseconds that it has for a shape. */
const inQuick = [
  ourLoraName,
  `${ourLoraName}, bfloat16-frozen`,
  ...variants.filter(({ upperFraction, precision }) => upperFraction === 1 && precision === 'float32'),
  ...Object.values(fastest).filter(name => name !== undefined),
].map(entry => (typeof entry === 'string' ? entry : entry.name))
const quickLimit = 30_000

/** Ours and the twins in turn, one step each, as ratios to PEFT's LoRA step. */
export const targetTable: BenchCase = {
  name: 'targets',
  async *run(options) {
    const peer = await Peer.start(await peerPython(), 'server.py')
    try {
      yield* agreement(peer, options)
      for (const shape of shapes) yield* rowsOf(peer, shape, options)
    } finally {
      peer.stop()
    }
  },
}

async function* rowsOf(peer: Peer, shape: Shape, options: BenchOptions): AsyncGenerator<BenchRow> {
  const { rounds, quick, data } = options
  const warmUp = quick ? 1 : 3
  // In a quick run the turn that warms up is one of a single text.
  const texts = quick
    ? await textsOf(shape, rounds, data, { smallFirst: true })
    : await textsOf(shape, Math.min(rounds + warmUp, 32), data)
  const ours = ourEntrants(texts)
  for (const twin of twins) {
    const place = { file: texts.file, options }
    // The rounds' own start costs nothing to differ: the time does not depend on the values.
    await makeTwin(peer, twin, twin.twin === 'lora_step' ? { ...place, adapter: ours.loraAdapter } : place)
  }
  const chosen = ours.entrants.filter(({ name }) => !quick || inQuick.includes(name))
  const entrants = [...twins.map(({ name }) => peerEntrant(peer, name)), ...chosen]
  const times = await takeTurns(entrants, { rounds, warmUp, ...(quick ? { limit: quickLimit } : {}) })
  for (const { name } of twins) await peer.ask({ drop: name })
  ours.dispose()
  const unit = times.get(peftName)!
  for (const [name, own] of times) {
    const target = targetOf(name)?.[shape.joined === undefined ? 'short' : 'full']
    const [wall, cpu] = [own.map(time => time.wall), own.map(time => time.cpu)]
    const peer = { name: peftName, times: unit.map(time => time.wall) }
    const ratioOfCpu = median(cpu) / median(unit.map(time => time.cpu))
    yield {
      case: 'targets',
      shape: shape.name,
      name,
      ours: spread(wall),
      cpu: spread(cpu),
      ...(name === peftName ? {} : { ...against(wall, peer), ratioOfCpu }),
      ...(target === undefined ? {} : { target }),
    }
  }
}
