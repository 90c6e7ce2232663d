import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BiDoRA } from '../../lib/bidora.ts'
import { runDemo } from '../../lib/cli/demo-run.ts'
import { demoPredictions, demoTable, demoUse } from '../../lib/cli/demo-text.ts'
import { tinyExamples, tinyModel } from './tiny-model.ts'

/* The demo itself takes minutes and the real model: here it runs on the tiny one. */
describe('demo', function () {
  this.timeout(120_000)
  let folder: string
  let base: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-demo-'))
    base = tinyModel()
  })
  after(() => {
    for (const path of [folder, base]) rmSync(path, { recursive: true, force: true })
  })

  it('compares three methods, saves the last and tries it out', async () => {
    const notes: string[] = []
    let updates = 0
    const view = { update: () => void updates++, note: (text: string) => void notes.push(text), end: () => {} }
    const [train, test] = [tinyExamples(48), tinyExamples(64).slice(48)]
    const output = join(folder, 'mail-filter')
    const { rows, predictions } = await runDemo({
      base,
      train,
      test,
      output,
      view,
      signal: new AbortController().signal,
    })
    assert.deepEqual(
      rows.map(row => row.method),
      ['head', 'lora', 'bidora'],
    )
    for (const { metrics } of rows)
      for (const name of ['accuracy', 'precision', 'recall']) assert.ok(metrics[name]! >= 0, name)
    assert.ok(updates > 3 && notes.length === 3)
    assert.equal(predictions.length, 3)
    await using saved = await BiDoRA.load(output, { device: 'cpu' })
    const [spam] = await saved.predict([test.find(mail => mail.label === 'spam')!.text])
    assert.equal(spam?.label, predictions[0]!.label)
    // Alone in its batch a text has other padding, and so another rounding.
    assert.ok(Math.abs(spam!.score! - predictions[0]!.score) < 1e-6)
  })

  it('prints a table, three answers and two lines of code', () => {
    const metrics = { accuracy: 0.95, precision: 0.9, recall: 0.8 }
    const rows = ['head', 'lora', 'bidora'].map(method => ({ method, trainable: 12345, seconds: 75, metrics }))
    assert.equal(
      demoTable(rows)
        .split('\n')
        .map(line => line.trimEnd())
        .join('\n'),
      [
        'method      accuracy  precision  recall  trained  time',
        'head alone     0.950      0.900   0.800   12,345  1:15',
        'LoRA           0.950      0.900   0.800   12,345  1:15',
        'BiDoRA         0.950      0.900   0.800   12,345  1:15',
      ].join('\n'),
    )
    const subject = 'A subject that is much longer than what fits into one line of the demo'
    const text = demoPredictions([{ subject, expected: 'spam', label: 'ham', score: 0.5123 }])
    assert.match(text, /A subject that is much longer .*\.\.\. {2}ham \(51\.2 %\), is spam/)
    assert.match(demoUse('/cache/mail-filter'), /BiDoRA\.load\("\/cache\/mail-filter"\)[\s\S]*predict/)
  })
})
