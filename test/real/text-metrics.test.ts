import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'csv-parse/sync'
import { bleu, bleuE2E, captionWords, cider, nist, rougeL } from '../../lib/metrics/index.ts'

interface Digests {
  texts: number
  references: number
  words: string
  bleu: number
  rougeL: number
  stemmed: number
  cider: number
  perl: { nist: number; bleu: number }
  python: { nist: number; bleu: number }
}

const file = resolve('../shared/data/e2e/testset_w_refs.csv')
const digests = JSON.parse(readFileSync(resolve('test/golden/text_metrics/digests.json'), 'utf8')) as Digests

describe('metrics of texts on the E2E test set', function () {
  this.timeout(120_000)
  const predictions: string[] = []
  const references: string[][] = []

  before(function () {
    if (!existsSync(file)) {
      console.log(`      skipped: ${file} is not there`)
      return this.skip()
    }
    // The first reference of each meaning against the others.
    const texts = new Map<string, string[]>()
    for (const { mr, ref } of parse(readFileSync(file), { columns: true, bom: true }) as {
      mr: string
      ref: string
    }[]) {
      const text = ref.replace(/[\r\n]/g, ' ')
      texts.set(mr, [...(texts.get(mr) ?? []), text])
    }
    for (const [first, ...others] of texts.values()) {
      if (others.length === 0) continue
      predictions.push(first!)
      references.push(others)
    }
  })

  it('read all of it', () => {
    assert.equal(predictions.length, digests.texts)
    assert.equal(references.flat().length, digests.references)
  })

  it('find the words of the Stanford tokenizer', () => {
    const texts = predictions.flatMap((prediction, i) => [prediction, ...references[i]!])
    const words = texts.map(text => captionWords(text).join(' ')).join('\n')
    assert.equal(createHash('sha256').update(words).digest('hex'), digests.words)
  })

  it('score as the packages do', () => {
    const python = { mteval: 'python' } as const
    for (const [name, got, expected] of [
      ['bleu', bleu(predictions, references), digests.bleu],
      ['rougeL', rougeL(predictions, references), digests.rougeL],
      ['rougeL, stemmed', rougeL(predictions, references, { stemmer: true }), digests.stemmed],
      ['cider', cider(predictions, references), digests.cider],
      ['bleuE2E', bleuE2E(predictions, references), digests.perl.bleu],
      ['bleuE2E python', bleuE2E(predictions, references, python), digests.python.bleu],
      ['nist', nist(predictions, references), digests.perl.nist],
      ['nist python', nist(predictions, references, python), digests.python.nist],
    ] as const) {
      assert.ok(Math.abs(got - expected) <= 1e-12 * Math.max(1, expected), `${name}: expected ${expected}, got ${got}`)
    }
  })
})
