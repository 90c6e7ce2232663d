import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Dataset, type Example, loadDataset, Random, requirePart, shuffle } from 'bidora-torch/data'
import { type BertForSequenceClassification, loadModel, toBatch } from 'bidora-torch/models'
import { div, mul, noGrad, scope, sum, to, unsqueeze } from 'bidora-torch/torch'
import { modelFolder } from '../../lib/setup/assets.ts'
import { padBatch, Tokenizer } from '../../lib/text/index.ts'
import type { Examples } from './head.ts'

// Real sentences as vectors: frozen MiniLM, the mean of its last hidden states, computed once.

const data = resolve('../shared/data')

/** Why the real data cannot be used here; undefined where it can. */
export function whyNot(): string | undefined {
  if (!existsSync(join(data, 'sst2'))) return 'no ../shared/data beside the checkout'
  if (!existsSync(join(modelFolder() ?? '', 'model.safetensors')))
    return 'no all-MiniLM-L6-v2 in the cache; run npm run setup'
  return undefined
}

/** Root mean square of an element of MiniLM's sentence embeddings, which a head wants near 1. */
const typical = 0.27

/** The sentence embedding of each text. */
export async function embed(texts: readonly string[]): Promise<Float32Array[]> {
  const folder = modelFolder()!
  const tokenizer = await Tokenizer.fromDir(folder)
  const model = loadModel(folder, { head: 'new', labels: ['negative', 'positive'] }) as BertForSequenceClassification
  const encoded = await tokenizer.encode(
    texts.map(text => ({ text })),
    { maxLength: 64 },
  )
  const order = [...encoded.keys()].sort((a, b) => encoded[b]!.ids.length - encoded[a]!.ids.length)
  const vectors = new Array<Float32Array>(texts.length)
  for (let start = 0; start < order.length; start += 64) {
    const places = order.slice(start, start + 64)
    scope(() => {
      const batch = toBatch(
        padBatch(
          places.map(place => encoded[place]!),
          tokenizer.padding(),
        ),
      )
      const states = noGrad(() => model.bert.forward(batch).lastHiddenState) // [texts, seq, hidden]
      const kept = unsqueeze(to(batch.attentionMask, { dtype: 'float32' }), -1) // [texts, seq, 1]
      const pooled = div(sum(mul(states, kept), { dim: [1] }), sum(kept, { dim: [1] })) // [texts, hidden]
      const flat = mul(pooled, 1 / typical).data() as Float32Array
      const width = flat.length / places.length
      places.forEach((place, row) => (vectors[place] = flat.slice(row * width, (row + 1) * width)))
    })
  }
  model.dispose()
  return vectors
}

export interface Sentiment {
  sst2: { train: Examples; validation: Examples }
  rte: Examples
}

/** 2,100 training rows of SST-2 and its development set; 500 hypotheses of RTE with its labels, which say nothing of sentiment. */
export async function loadSentiment(): Promise<Sentiment> {
  const reason = whyNot()
  if (reason) throw new Error(`--sst2: ${reason}`)
  const [sst2, rte] = await Promise.all([loadDataset('sst2', data), loadDataset('rte', data)])
  const sample = (dataset: Dataset, rows: number) =>
    shuffle(requirePart(dataset, 'train'), new Random(1, dataset.info.name)).slice(0, rows)
  const asVectors = async (examples: readonly Example[], labels: readonly string[] | undefined): Promise<Examples> => ({
    features: await embed(examples.map(({ text, pair }) => pair ?? text)),
    labels: examples.map(({ label }) => (typeof label === 'number' ? label : labels!.indexOf(label as string))),
  })
  return {
    sst2: {
      train: await asVectors(sample(sst2, 2100), sst2.info.labels),
      validation: await asVectors(requirePart(sst2, 'validation'), sst2.info.labels),
    },
    rte: await asVectors(sample(rte, 500), rte.info.labels),
  }
}

/** Rows of `examples` by their place. */
export function pick({ features, labels }: Examples, places: readonly number[]): Examples {
  return { features: places.map(place => features[place]!), labels: places.map(place => labels[place]!) }
}
