import type { EncoderConfig, SequenceClassifier } from '../../../lib/models/index.ts'
import { rand, type Tensor } from '../../../lib/torch.ts'
import type { BenchCase, BenchOptions, BenchRow } from '../case.ts'
import { bidoraSettings, inTurn, inputsOf, loraSettings, textsOf, type Texts } from '../entrants.ts'
import { loraStepFlops, roundFlops, type StepShape } from '../flops.ts'
import { nativeCalls } from '../op-call-native.ts'
import { randomModel, randomTexts } from '../random-model.ts'
import { normAndRegulariser, type Split, splitter } from '../split.ts'
import { loraStepper, roundStepper } from '../steps.ts'
import { spread } from '../turns.ts'
import { faithful } from '../variants.ts'
import { lengthsOf, loadBatch, makeModel, median, type Shape, seconds, shapes } from '../work.ts'
import { ourCalls } from './op-call.ts'

/** A step of MiniLM with matrices of next to nothing: the same calls, no arithmetic to speak of. */
const tiny = { layers: 6, hidden: 12, heads: 12, intermediate: 4, rank: 1 }

interface Kind {
  name: string
  /** A split step at the shape, the same on the tiny model, and the floor of each batch in operations. */
  real(): Split
  tiny(): Split
  flops: number[]
  /** Frees the tiny model. */
  dispose(): void
  norms?: () => number
}

/** Where the time of our steps goes, against the time that their products alone would take. */
export const timeSplit: BenchCase = {
  name: 'time-split',
  async *run(options) {
    const perCall = await addonCall()
    const product = gemm()
    for (const shape of options.quick ? shapes.filter((_, i) => i !== 1) : shapes)
      yield* rowsOf(shape, options, product, perCall)
    const { best, middle } = product.rate()
    const ours = { minimum: middle, median: middle }
    const note = `best ${best.toFixed(1)}, which the floors are made with`
    yield { case: 'time-split', shape: 'float32 product, 1024 x 1024 x 1024', ours, unit: 'GFLOP/s', note }
  },
}

/** Microseconds that one call costs above the same from C++, where that is known. */
async function addonCall(): Promise<number | undefined> {
  const native = nativeCalls(20_000, 5)?.get('add')
  const ours = (await ourCalls(5)).find(({ twin }) => twin === 'add')!.times
  return native && Math.min(...ours) - Math.min(...native)
}

/** A product that is timed between the steps, and its rate in GFLOP/s so far. */
function gemm(): { run(): void; rate(): { best: number; middle: number } } {
  const size = 1024
  const [a, b] = [rand([size, size]), rand([size, size])]
  const times: number[] = []
  const rateOf = (time: number) => (2 * size ** 3) / time / 1e9
  return {
    run: () => void times.push(seconds(() => a.mm(b).dispose())),
    rate: () => ({ best: rateOf(Math.min(...times)), middle: rateOf(median(times)) }),
  }
}

async function* rowsOf(
  shape: Shape,
  options: BenchOptions,
  product: ReturnType<typeof gemm>,
  perCall: number | undefined,
): AsyncGenerator<BenchRow> {
  const count = Math.max(3, Math.min(options.rounds, 12))
  const texts = await textsOf(shape, count, options.data)
  const lora = makeModel(loraSettings)
  const bidora = makeModel(bidoraSettings)
  for (const kind of [loraKind(texts, lora.model, lora.lower), roundKind(texts, bidora)]) {
    const runs: { real: Split; tiny: Split; norms: number }[] = []
    for (let i = -1; i < count; i++) {
      const run = { real: kind.real(), tiny: kind.tiny(), norms: kind.norms?.() ?? 0 }
      product.run()
      if (i >= 0) runs.push(run)
      await new Promise(done => setImmediate(done))
    }
    const wholes = runs.map(({ real }) => real.whole)
    const row = (name: string, values: readonly number[], share?: number): BenchRow => ({
      case: 'time-split',
      shape: `${shape.name}, ${kind.name}`,
      name,
      ours: spread(values),
      ...(share === undefined ? {} : { ratio: share, note: 'ratio: share of the whole' }),
    })
    // What is timed inside a step is a share of that very step; the rest, of the best one by its own best.
    const inside = (name: 'forward' | 'backward' | 'optimizer' | 'idle') => {
      const values = runs.map(({ real }) => real[name])
      return row(name, values, median(values.map((value, i) => value / wholes[i]!)))
    }
    const beside = (name: string, values: readonly number[]) =>
      row(name, values, Math.min(...values) / Math.min(...wholes))
    const calls = median(runs.map(({ real }) => real.calls))
    yield row('whole', wholes)
    for (const part of ['forward', 'backward', 'optimizer', 'idle'] as const) yield inside(part)
    const norms = runs.map(run => run.norms)
    if (kind.norms) yield beside('norms and regulariser, by themselves', norms)
    const tinies = runs.map(run => run.tiny.whole)
    yield beside('host at most: the same calls on a tiny model', tinies)
    if (perCall !== undefined)
      yield { ...beside('host: what its calls cost above C++', [(calls * perCall) / 1e3]), note: `${calls} calls` }
    const floors = kind.flops.slice(0, count).map(flops => flops / product.rate().best / 1e6)
    yield row('floor: the products alone', floors, median(floors.map((floor, i) => floor / wholes[i]!)))
    kind.dispose()
  }
  lora.model.dispose()
  bidora.model.dispose()
}

/** Batches in the order in which they are used: the first warms up. */
function used<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => items[(i + 1) % items.length]!)
}

function loraKind(texts: Texts, model: SequenceClassifier, lower: readonly Tensor[]): Kind {
  const batches = texts.lower.map(loadBatch)
  const [real, small] = [splitter(), splitter()]
  const run = inTurn(batches, loraStepper(model.train(true), lower, 'float32', real))
  const other = randomModel(tiny, 'lora')
  const run2 = inTurn([loadBatch(randomTexts([3, 2]))], loraStepper(other.model, other.lower, 'float32', small))
  const flops = texts.lower.map(batch => loraStepFlops(stepShape(model, lengthsOf(batch))))
  return {
    name: 'our LoRA step',
    real: () => real.split(run),
    tiny: () => small.split(run2),
    flops: used(flops, flops.length),
    dispose: () => other.model.dispose(),
  }
}

function roundKind(texts: Texts, { model, lower, upper }: ReturnType<typeof makeModel>): Kind {
  const [real, small] = [splitter(), splitter()]
  const run = inTurn(inputsOf(texts, faithful), roundStepper(model.train(true), lower, upper, faithful, real))
  const other = randomModel(tiny, 'bidora')
  const [a, b] = [randomTexts([3, 2]), randomTexts([2, 3], 1)].map(loadBatch)
  const round = roundStepper(other.model, other.lower, other.upper, faithful, small)
  const run2 = inTurn([{ lower: a!, upper: b! }], round)
  const flops = texts.lower.map((batch, i) => {
    const upperBatch = texts.upper[i % texts.upper.length]!
    return roundFlops(stepShape(model, lengthsOf(batch)), stepShape(model, lengthsOf(upperBatch)))
  })
  return {
    name: 'our faithful round',
    real: () => real.split(run),
    tiny: () => small.split(run2),
    flops: used(flops, flops.length),
    dispose: () => other.model.dispose(),
    norms: () => normAndRegulariser(model),
  }
}

function stepShape({ config }: SequenceClassifier, lengths: readonly number[]): StepShape {
  const { hiddenSize, intermediateSize, numHiddenLayers, labels } = config as EncoderConfig
  return {
    hidden: hiddenSize,
    intermediate: intermediateSize,
    layers: numHiddenLayers,
    rank: loraSettings.rank,
    labels: labels.length,
    lengths,
  }
}
