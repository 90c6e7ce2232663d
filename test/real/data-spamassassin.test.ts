import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type Dataset, loadSpamAssassin } from '../../lib/data/index.ts'
import { findDataset } from '../../lib/setup/assets.ts'

describe('the SpamAssassin corpus', function () {
  this.timeout(120_000)
  let dataset: Dataset

  before(async function () {
    let folder: string
    try {
      folder = findDataset('spamassassin')
    } catch (error) {
      console.log(`      skipped: ${(error as Error).message}`)
      return this.skip()
    }
    dataset = await loadSpamAssassin(folder)
  })

  const all = () => [...dataset.train!, ...dataset.test!]
  const share = (label: string) => all().filter(example => example.label === label).length

  it('has 6,046 mails, of which 195 repeat the body of another', () => {
    assert.match(dataset.info.notes[0]!, /^6046 mails, 195 left out/)
    // 4,150 ham and 1,896 spam less 39 and 156.
    assert.deepEqual([share('ham'), share('spam')], [4111, 1740])
  })

  it('has a test part of 1,000, the same for everybody, with the share of all', () => {
    assert.deepEqual([dataset.train!.length, dataset.validation, dataset.test!.length], [4851, undefined, 1000])
    assert.deepEqual(dataset.test!.filter(example => example.label === 'spam').length, 297)
    // ASCII letters alone: CJK charsets are decoded by the ICU of Node, whose releases differ in rare characters.
    const letters = dataset.test!.map(({ text, label }) => `${label} ${text.replace(/[^a-z]/gi, '')}`).join('\n')
    assert.equal(
      createHash('sha256').update(letters).digest('hex'),
      '1e51d115c442382aa2035c5b4f6bc7c489cf24c615bcb98a37dbc2aff95f207c',
    )
  })

  it('shares no body between training and test', () => {
    const body = (text: string) =>
      text
        .slice(text.indexOf('\n') + 1)
        .replace(/\s+/g, ' ')
        .toLowerCase()
    const seen = new Set(dataset.train!.map(example => body(example.text)))
    const shared = dataset.test!.filter(example => example.text.includes('\n') && seen.has(body(example.text)))
    assert.deepEqual(shared, [])
  })

  it('is mixed: the first 400 of each part are a fair sample', () => {
    for (const part of [dataset.train!, dataset.test!]) {
      const spam = part.slice(0, 400).filter(example => example.label === 'spam').length
      assert.ok(spam > 90 && spam < 150, String(spam))
    }
  })

  it('is text: no headers, hardly a tag, hardly a character that could not be read', () => {
    const texts = all().map(example => example.text)
    assert.ok(texts.every(text => text.trim() !== ''))
    assert.ok(texts.filter(text => /^(Received|Return-Path|Delivered-To): /.test(text)).length === 0)
    assert.ok(texts.filter(text => /<(html|body|table|font)\b/i.test(text)).length < 60)
    assert.ok(texts.filter(text => text.includes('\ufffd')).length < 10)
  })
})
