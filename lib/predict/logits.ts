import { setImmediate } from 'node:timers/promises'
import { autocast, noGrad } from '../autograd/index.ts'
import { AbortError } from '../errors.ts'
import { type Batch, packTexts, type SequenceClassifier, TokenClassifier, toBatch } from '../models/index.ts'
import { scope } from '../tensor/index.ts'
import { type EncodedIds, type PadOptions, padBatch } from '../text/index.ts'
import { PackedLayers } from './packed-layers.ts'

/** What products are computed in: bfloat16 under autocast, or the type of the weights (float32). */
export type Precision = 'float32' | 'bfloat16'

export interface LogitsOptions {
  /** Most texts a forward pass. */
  readonly batchSize: number
  readonly padding: PadOptions
  readonly precision?: Precision
  /** Layers packed for more than this call; without them a long list packs its own. */
  readonly layers?: PackedLayers | undefined
  /** Asked between batches: true ends the work with an AbortError. */
  readonly shouldStop?: (() => boolean) | undefined
}

/** Most tokens a forward pass, but for a single text: more are no faster, as their activations leave the cache. */
const mostTokens = 512
/** Texts for which packing the weights pays, though only for this list. */
const longList = 64

/**
 * The logits of texts, in their order: computed in batches of similar length without padding, without gradients and
 * without dropout, with one await a batch.
 *
 * @returns for each text its row [labels], or of a token classifier the rows of its tokens one after the other
 *   [tokens * labels]; as float64
 * @throws AbortError when stopped
 */
export async function logitsOf(
  model: SequenceClassifier | TokenClassifier,
  encoded: readonly EncodedIds[],
  options: LogitsOptions,
): Promise<Float64Array[]> {
  const { batchSize, padding, precision = 'float32', shouldStop = () => false } = options
  const result = new Array<Float64Array>(encoded.length)
  const wasTraining = model.training
  const packs = precision === 'float32' // autocast has products of its own
  const own = packs && !options.layers && encoded.length >= longList ? new PackedLayers(model) : undefined
  const layers = packs ? (options.layers ?? own) : undefined
  const device = model.parameters()[0]!.device
  // Texts that are padded in front have another first place, so they stay side by side.
  const makeBatch = (texts: readonly EncodedIds[]): Batch =>
    padding.side === 'right' ? packTexts(texts, device) : toBatch(padBatch(texts, padding), device)
  model.train(false)
  try {
    let done = 0
    for (const places of batchesOf(encoded, batchSize)) {
      if (shouldStop()) throw new AbortError('STOPPED', `the work was stopped after ${done} of ${encoded.length} texts`)
      const flat = scope(() =>
        noGrad(() => {
          const batch = makeBatch(places.map(place => encoded[place]!))
          const forward = () => model.forward(batch).logits.data() // sync
          if (precision !== 'float32') return autocast(precision, forward)
          return layers ? layers.within(forward) : forward()
        }),
      )
      const lengths = places.map(place => encoded[place]!.ids.length)
      const spans = model instanceof TokenClassifier ? tokenSpans(model, lengths, flat.length, padding.side) : undefined
      const width = flat.length / places.length
      for (const [row, place] of places.entries()) {
        const [start, end] = spans?.[row] ?? [row * width, (row + 1) * width]
        result[place] = Float64Array.from(flat.subarray(start, end) as Float32Array)
      }
      done += places.length
      await setImmediate()
    }
  } finally {
    own?.dispose()
    model.train(wasTraining)
  }
  return result
}

/** Where the logits of each text's tokens lie: rows without padding, or padded in front. */
function tokenSpans(
  { config }: TokenClassifier,
  lengths: readonly number[],
  size: number,
  side: PadOptions['side'],
): [start: number, end: number][] {
  const labels = config.labels.length
  let end = 0
  return lengths.map((length, text) => {
    end = side === 'right' ? end + length * labels : ((text + 1) * size) / lengths.length
    return [end - length * labels, end]
  })
}

/** Places of the texts of each batch. Longest first: what does not fit into memory shows at once. */
export function* batchesOf(encoded: readonly EncodedIds[], batchSize: number): Generator<number[]> {
  const length = (place: number) => encoded[place]!.ids.length
  // The sort is stable, so batches do not vary.
  const order = [...encoded.keys()].sort((a, b) => length(b) - length(a))
  let batch: number[] = []
  let tokens = 0
  for (const place of order) {
    if (batch.length > 0 && (batch.length >= batchSize || tokens + length(place) > mostTokens)) {
      yield batch
      batch = []
      tokens = 0
    }
    batch.push(place)
    tokens += length(place)
  }
  if (batch.length > 0) yield batch
}
