import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../../parity/golden.ts'
import type { BenchCase, BenchOptions, BenchRow } from '../case.ts'
import { makeTwin, textsOf, type Texts, twins } from '../entrants.ts'
import { Peer, peerPython } from '../peer.ts'
import { memoryTarget } from '../targets.ts'
import { faithful, ourLoraName, peftName, variants } from '../variants.ts'
import { shapes, writeBatches } from '../work.ts'

const steps = 3

/** Resident memory above the loaded model at the peak of a step, each in a process of its own. */
export const memory: BenchCase = {
  name: 'memory',
  async *run(options) {
    const python = await peerPython()
    const ours = options.quick ? [ourLoraName, faithful.name] : [ourLoraName, ...variants.map(({ name }) => name)]
    for (const shape of options.quick ? shapes.slice(2) : shapes) {
      const ofRounds = await textsOf(shape, steps, options.data, { smallFirst: true })
      // A LoRA step meets every batch that a round meets: the peak is that of the largest.
      const lower = [...ofRounds.lower, ...ofRounds.upper.slice(1)]
      const ofSteps: Texts = { lower, upper: [], file: writeBatches({ lower }) }
      const row = (name: string, megabytes: number): BenchRow => ({
        case: 'memory',
        shape: shape.name,
        name,
        ours: { minimum: megabytes, median: megabytes },
        unit: 'MB',
      })
      const peft = await peftPeak(python, ofSteps, options)
      yield row(peftName, peft)
      const peer = { name: peftName, minimum: peft, median: peft }
      for (const name of ours) {
        const megabytes = ourPeak(name, name === ourLoraName ? ofSteps : ofRounds, options)
        yield {
          ...row(name, megabytes),
          peer,
          ratio: megabytes / peft,
          ...(name === ourLoraName ? {} : { target: memoryTarget }),
        }
      }
    }
  },
}

/** Both in MB above what was resident. */
const above = ({ resident, peak }: { resident: number; peak: number }) => (peak - resident) / 1e6

async function peftPeak(python: string, texts: Texts, options: BenchOptions): Promise<number> {
  const peer = await Peer.start(python, 'server.py')
  const twin = twins.find(({ name }) => name === peftName)!
  await makeTwin(peer, twin, { file: texts.file, options })
  const step = () => peer.ask({ step: peftName })
  await step()
  await peer.ask({ resetPeak: true })
  const { resident } = await peer.ask<{ resident: number }>({ memory: true })
  for (const _ of texts.lower.slice(1)) await step()
  const { peak } = await peer.ask<{ peak: number }>({ memory: true })
  peer.stop()
  return above({ resident, peak })
}

function ourPeak(name: string, { lower, upper }: Texts, { threads }: BenchOptions): number {
  const child = join(root, 'dist/test/bench/memory-child.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', child, name, String(threads)], {
    input: JSON.stringify({ lower, upper }),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`memory: ${name}: the process ended with ${status}: ${stderr}`)
  return above(JSON.parse(stdout) as { resident: number; peak: number })
}
