import { findModel } from '../../lib/setup/assets.ts'
import type { BenchOptions } from './case.ts'
import type { Peer } from './peer.ts'
import { loraStepper, type RoundInput, roundStepper } from './steps.ts'
import { type Contestant, timed } from './turns.ts'
import {
  officialName,
  ourLoraName,
  peftBfloat16Name,
  peftName,
  plainName,
  type RoundVariant,
  variants,
} from './variants.ts'
import { loadBatch, makeBatches, makeModel, type PlainBatch, type Shape, thinned, writeBatches } from './work.ts'

const common = { rank: 8, loraAlpha: 16, loraDropout: 0, targetModules: ['query', 'value'] } as const
export const loraSettings = { method: 'lora', ...common } as const
export const bidoraSettings = { method: 'bidora', magnitudeAxis: 'out', detachNorm: false, ...common } as const

/** The batches of a shape, for both sides. */
export interface Texts {
  lower: readonly PlainBatch[]
  upper: readonly PlainBatch[]
  /** For the twins. */
  file: string
}

/** So many batches of each level; with `smallFirst` one of a single text before them, to warm up with. */
export async function textsOf(
  shape: Shape,
  count: number,
  data: string | undefined,
  { smallFirst = false } = {},
): Promise<Texts> {
  const upperCount = Math.min(count, 8)
  const plain = await makeBatches(shape, count + upperCount, data)
  const [lower, upper] = [plain.slice(0, count), plain.slice(count)].map(batches =>
    smallFirst ? [thinned(batches[0]!, 0), ...batches] : batches,
  ) as [PlainBatch[], PlainBatch[]]
  return { lower, upper, file: writeBatches({ lower, upper }) }
}

/** A step that reads its batches in order and again from the start. */
export function inTurn<Input>(inputs: readonly Input[], step: (input: Input) => unknown): () => void {
  let place = 0
  return () => void step(inputs[place++ % inputs.length] as Input)
}

/** What the rounds of a kind read. */
export function inputsOf(texts: Texts, { curvatureFraction, upperFraction }: RoundVariant): RoundInput[] {
  const load = (batch: PlainBatch, fraction: number) => loadBatch(fraction < 1 ? thinned(batch, fraction) : batch)
  return texts.lower.map((batch, i) => ({
    lower: loadBatch(batch),
    upper: load(texts.upper[i % texts.upper.length]!, upperFraction),
    ...(curvatureFraction < 1 ? { curvature: load(batch, curvatureFraction) } : {}),
  }))
}

/** Our steps at a shape, dropout on, and what frees them. */
export function ourEntrants(texts: Texts): { entrants: Contestant[]; loraAdapter: string; dispose(): void } {
  const lora = makeModel(loraSettings)
  const bidora = makeModel(bidoraSettings)
  lora.model.train(true)
  bidora.model.train(true)
  const batches = texts.lower.map(loadBatch)
  const entrants: Contestant[] = []
  const enter = (name: string, run: () => void) => entrants.push({ name, step: () => timed(run) })
  enter(ourLoraName, inTurn(batches, loraStepper(lora.model, lora.lower)))
  for (const precision of ['bfloat16-frozen', 'bfloat16'] as const)
    enter(`${ourLoraName}, ${precision}`, inTurn(batches, loraStepper(lora.model, lora.lower, precision)))
  for (const variant of variants) {
    const round = roundStepper(bidora.model, bidora.lower, bidora.upper, variant)
    enter(variant.name, inTurn(inputsOf(texts, variant), round))
  }
  return {
    entrants,
    loraAdapter: lora.adapter,
    dispose() {
      lora.model.dispose()
      bidora.model.dispose()
    },
  }
}

/** A Python twin: its name, its module under peers/, what it is told. */
export interface Twin {
  name: string
  twin: string
  args: readonly string[]
}

export const twins: readonly Twin[] = [
  { name: peftName, twin: 'lora_step', args: [] },
  { name: peftBfloat16Name, twin: 'lora_step', args: ['--precision', 'bfloat16'] },
  { name: plainName, twin: 'bidora_round', args: ['--axis', 'out'] },
  { name: officialName, twin: 'official_round', args: [] },
]

export interface Place {
  file: string
  adapter?: string
  options: Pick<BenchOptions, 'threads'>
}

/** Makes a twin in the peers' process. */
export async function makeTwin(peer: Peer, { name, twin, args }: Twin, { file, adapter, options }: Place) {
  const given = ['--model', findModel(), '--batches', file, '--threads', String(options.threads)]
  const from = adapter === undefined ? [] : ['--adapter', adapter]
  return peer.ask({ make: name, twin, args: [...given, ...from, ...args] })
}

export function peerEntrant(peer: Peer, name: string): Contestant {
  return {
    name,
    async step() {
      const { seconds, cpuSeconds } = await peer.ask<{ seconds: number; cpuSeconds: number }>({ step: name })
      return { wall: seconds * 1e3, cpu: cpuSeconds * 1e3 }
    },
  }
}
