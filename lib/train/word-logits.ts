import { logitsOf } from '../predict/index.ts'
import { type EncodedWords, joinWindows } from '../text/index.ts'
import type { PredictOptions } from './task.ts'
import type { TunableModel } from './tunable-model.ts'

/**
 * The logits of each word's first token, in the window that answers for the word; undefined for a word without tokens.
 *
 * @returns for each sentence a row [labels] for each of its words
 * @throws AbortError when stopped
 */
export async function wordLogits(
  model: TunableModel,
  sentences: readonly EncodedWords[],
  options: Omit<PredictOptions, 'context'>,
): Promise<(Float64Array | undefined)[][]> {
  const windows = sentences.flatMap(sentence => sentence.windows)
  const flat = await logitsOf(model.classifier, windows, {
    ...options,
    padding: model.tokenizer.padding(),
    precision: model.precision,
  })
  const labels = model.labels!.labels.length
  let next = 0
  return sentences.map(sentence => {
    const rows = sentence.windows.map(({ ids }) => {
      const tokens = flat[next++]!
      return ids.map((_, token) => tokens.subarray(token * labels, (token + 1) * labels))
    })
    return joinWindows(sentence, rows)
  })
}
