import assert from 'node:assert/strict'
import type { BenchOptions, BenchRow } from './case.ts'
import { bidoraSettings, loraSettings, makeTwin, textsOf } from './entrants.ts'
import type { Peer } from './peer.ts'
import { loraStepper, roundStepper } from './steps.ts'
import { relativeError } from './turns.ts'
import { faithful } from './variants.ts'
import { loadBatch, makeModel, type Shape } from './work.ts'

const shape: Shape = { name: 'CoLA, batch 8', dataset: 'cola', batchSize: 8 }
const steps = 3

interface RoundAnswer {
  lowerLoss: number
  upperLoss: number
  hypergradient: number[]
}

/** Greatest relative errors over the first steps. */
interface Errors {
  loss: number
  hypergradient?: number
}

/** Above these the times would compare different work; the hypergradient is a difference of float32 numbers. */
const allowed = { loss: 5e-6, hypergradient: 5e-4 }

/**
 * The first steps of the twins without dropout, from the same start on the same batches, against ours.
 *
 * @throws where a loss or a hypergradient is not ours
 */
export async function* agreement(peer: Peer, options: BenchOptions): AsyncGenerator<BenchRow> {
  yield row('PEFT LoRA step', await loraErrors(peer, options))
  yield row('plain PyTorch round', await roundErrors(peer, 'bidora_round', ['--axis', 'out'], {}, options))
  // The official layer has a magnitude per input and no scaling.
  const official = { magnitudeAxis: 'in', loraAlpha: bidoraSettings.rank } as const
  yield row('official round', await roundErrors(peer, 'official_round', [], official, options))
}

function row(name: string, errors: Errors): BenchRow {
  for (const [key, error] of Object.entries(errors) as [keyof Errors, number][])
    assert.ok(error <= allowed[key], `${name}: ${key} differs from ours by ${error}, more than ${allowed[key]}`)
  const { loss, hypergradient } = errors
  const greatest = hypergradient ?? loss
  return {
    case: 'targets',
    shape: shape.name,
    name: `agreement with ours: ${name}`,
    ours: { minimum: greatest, median: greatest },
    unit: 'relative',
    note: `without dropout, ${steps} steps: loss ${loss.toExponential(1)}${hypergradient === undefined ? '' : `, hypergradient ${hypergradient.toExponential(1)}`}`,
  }
}

async function loraErrors(peer: Peer, options: BenchOptions): Promise<Errors> {
  const texts = await textsOf(shape, steps, options.data)
  const { model, adapter, lower } = makeModel(loraSettings)
  const twin = { name: 'check', twin: 'lora_step', args: ['--no-dropout'] }
  await makeTwin(peer, twin, { file: texts.file, adapter, options })
  const step = loraStepper(model, lower)
  let loss = 0
  for (const batch of texts.lower) {
    const theirs = await peer.ask<{ loss: number }>({ step: 'check' })
    loss = Math.max(loss, relativeError([step(loadBatch(batch))], [theirs.loss]))
  }
  await peer.ask({ drop: 'check' })
  model.dispose()
  return { loss }
}

async function roundErrors(
  peer: Peer,
  twin: string,
  args: readonly string[],
  settings: { magnitudeAxis?: 'in'; loraAlpha?: number },
  options: BenchOptions,
): Promise<Errors> {
  const texts = await textsOf(shape, steps, options.data)
  const { model, adapter, lower, upper } = makeModel({ ...bidoraSettings, ...settings })
  const all = { name: 'check', twin, args: ['--no-dropout', '--values', ...args] }
  await makeTwin(peer, all, { file: texts.file, adapter, options })
  let seen: number[] = []
  const round = roundStepper(model, lower, upper, faithful, {
    onHypergradient: gradients => {
      seen = gradients.flatMap(gradient => Array.from(gradient.data() as Float32Array))
    },
  })
  const errors = { loss: 0, hypergradient: 0 }
  for (const [i, batch] of texts.lower.entries()) {
    const mine = round({ lower: loadBatch(batch), upper: loadBatch(texts.upper[i]!) })
    const theirs = await peer.ask<RoundAnswer>({ step: 'check' })
    for (const key of ['lowerLoss', 'upperLoss'] as const)
      errors.loss = Math.max(errors.loss, relativeError([mine[key]], [theirs[key]]))
    errors.hypergradient = Math.max(errors.hypergradient, relativeError(seen, theirs.hypergradient))
  }
  await peer.ask({ drop: 'check' })
  model.dispose()
  return errors
}
