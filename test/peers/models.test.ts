import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noGrad } from '../../lib/autograd/index.ts'
import { type LoadModelOptions, loadLanguageModel, loadModel, saveModel } from '../../lib/models/index.ts'
import { manualSeed, scope, tensor } from '../../lib/tensor/index.ts'

// Checkpoints that this library writes, read by plain transformers.

const python = process.env.BIDORA_PEER_PYTHON
const batch = {
  inputIds: [
    [2, 5, 9, 4, 1],
    [2, 7, 4, 1, 1],
  ],
  attentionMask: [
    [1, 1, 1, 1, 0],
    [1, 1, 1, 0, 0],
  ],
}

interface Answer {
  logits: number[][]
  labels: Record<string, string>
  problemType: string
}

describe('peer: transformers reads saved models', function () {
  this.timeout(300_000)
  let folder: string
  before(function () {
    if (python === undefined) {
      console.log('      skipped: BIDORA_PEER_PYTHON names no Python with transformers; npm run test:peers sets it')
      this.skip()
    }
    folder = mkdtempSync(join(tmpdir(), 'bidora-peer-models-'))
    writeFileSync(join(folder, 'inputs.json'), JSON.stringify(batch))
  })
  after(() => folder && rmSync(folder, { recursive: true }))

  const several = { head: 'new', labels: ['x', 'y', 'z'], problemType: 'multi-label' } as const
  const single = 'single_label_classification'
  const saved: (readonly [what: string, name: string, problemType: string, options: LoadModelOptions])[] = [
    ['its own head', 'bert-gelu', 'single_label_classification', {}],
    ['several labels at once', 'bert-gelu', 'multi_label_classification', several],
    ['four labels', 'roberta-gelu', 'single_label_classification', { head: 'new', labels: ['d', 'c', 'b', 'a'] }],
    ['its own head', '../gpt2/several', 'multi_label_classification', {}],
    ['a regression', 'roberta-gelu', 'regression', { head: 'new', problemType: 'regression' }],
    ...['distilbert-gelu', 'esm-2', 'esm-plain', 'deberta-v3', 'deberta-own'].map(
      name => ['its own head', name, single, {}] as const,
    ),
  ]

  for (const name of ['lm', 'lm-untied']) {
    it(`a language model, ${name}`, () => {
      const model = loadLanguageModel(join('test/golden/gpt2', name))
      const target = join(folder, name)
      saveModel(model, target)
      const expected = scope(() => {
        const inputs = { inputIds: ids(batch.inputIds), attentionMask: ids(batch.attentionMask) }
        return noGrad(() => model.forward({ layout: 'padded', ...inputs })).logits.tolist() as number[][][]
      })
      model.dispose()
      const output = execFileSync(python!, ['test/peers/load_merged.py', target, join(folder, 'inputs.json')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const got = (JSON.parse(output) as { logits: number[][][] }).logits
      const largest = Math.max(...expected.flat(2).map(Math.abs))
      // Padding's own places are left out: transformers counts them as positions, and this library does not.
      batch.attentionMask.forEach((row, text) =>
        row.forEach((isKept, place) => {
          if (!isKept) return
          expected[text]![place]!.forEach((value, at) => {
            assert.ok(Math.abs(got[text]![place]![at]! - value) <= 1e-5 * largest)
          })
        }),
      )
    })
  }

  for (const [what, name, problemType, options] of saved) {
    it(`${name} with ${what}`, () => {
      manualSeed(1)
      const folders = ['models', 'encoders'].map(part => join('test/golden', part, name, 'model'))
      const model = loadModel([...folders, join('test/golden/models', name)].find(existsSync)!, options)
      const target = join(folder, `${name.replace('../gpt2/', 'gpt2-')}-${what}`)
      saveModel(model, target)
      const expected = scope(() => {
        const inputs = { inputIds: ids(batch.inputIds), attentionMask: ids(batch.attentionMask) }
        return noGrad(() => model.forward({ layout: 'padded', ...inputs })).logits.tolist() as number[][]
      })
      const { labels } = model.config
      model.dispose()
      const output = execFileSync(python!, ['test/peers/load_merged.py', target, join(folder, 'inputs.json')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const answer = JSON.parse(output) as Answer
      assert.deepEqual(Object.values(answer.labels), labels)
      assert.equal(answer.problemType, problemType)
      assert.deepEqual(
        answer.logits.map(row => row.length),
        expected.map(row => row.length),
      )
      const largest = Math.max(...expected.flat().map(Math.abs))
      answer.logits.flat().forEach((value, at) => {
        assert.ok(Math.abs(value - expected.flat()[at]!) <= 1e-5 * largest)
      })
    })
  }
})

function ids(rows: number[][]) {
  return tensor(rows, { dtype: 'int64' })
}
