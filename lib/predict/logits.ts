import { setImmediate } from 'node:timers/promises'
import { autocast, noGrad } from '../autograd/index.ts'
import { AbortError } from '../errors.ts'
import { type SequenceClassifier, toBatch } from '../models/index.ts'
import { scope } from '../tensor/index.ts'
import { type EncodedIds, type PadOptions, padBatch } from '../text/index.ts'

/** What products are computed in: bfloat16 under autocast, or the type of the weights (float32). */
export type Precision = 'float32' | 'bfloat16'

export interface LogitsOptions {
  /** Texts a forward pass. */
  readonly batchSize: number
  readonly padding: PadOptions
  readonly precision?: Precision
  /** Asked between batches: true ends the work with an AbortError. */
  readonly shouldStop?: (() => boolean) | undefined
}

/**
 * The logits of texts, in their order: computed in batches of similar length, without gradients and without dropout,
 * with one await a batch.
 *
 * @returns a row [labels] for each text, as float64
 * @throws AbortError when stopped
 */
export async function logitsOf(
  model: SequenceClassifier,
  encoded: readonly EncodedIds[],
  { batchSize, padding, precision = 'float32', shouldStop = () => false }: LogitsOptions,
): Promise<Float64Array[]> {
  const device = model.parameters()[0]!.device
  const result = new Array<Float64Array>(encoded.length)
  // Longest first: what does not fit into memory shows at once. The sort is stable, so batches do not vary.
  const order = [...encoded.keys()].sort((a, b) => encoded[b]!.ids.length - encoded[a]!.ids.length)
  const wasTraining = model.training
  model.train(false)
  try {
    for (let start = 0; start < order.length; start += batchSize) {
      if (shouldStop()) throw new AbortError('STOPPED', `the work was stopped after ${start} of ${order.length} texts`)
      const places = order.slice(start, start + batchSize)
      const flat = scope(() =>
        noGrad(() => {
          const batch = toBatch(
            padBatch(
              places.map(place => encoded[place]!),
              padding,
            ),
            device,
          )
          const forward = () => model.forward(batch).logits.data() // sync
          return precision === 'float32' ? forward() : autocast(precision, forward)
        }),
      )
      const width = flat.length / places.length
      for (const [row, place] of places.entries()) {
        result[place] = Float64Array.from(flat.subarray(row * width, (row + 1) * width) as Float32Array)
      }
      await setImmediate()
    }
  } finally {
    model.train(wasTraining)
  }
  return result
}
