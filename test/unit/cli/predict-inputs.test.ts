import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type InputFormat, readInputs } from '../../../lib/cli/predict-inputs.ts'

describe('cli/predict-inputs', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-inputs-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  async function read(name: string, content: string | Uint8Array, format: InputFormat = 'auto', options = {}) {
    const path = join(folder, name)
    writeFileSync(path, content)
    const inputs: unknown[] = []
    for await (const input of readInputs(path, format, options)) inputs.push(input)
    return inputs
  }

  it('reads a text a line: only \\n ends a line, \\r before it is no text', async () => {
    assert.deepEqual(await read('a.txt', 'one\r\ntwo\u2028still two\n{three'), ['one', 'two\u2028still two', '{three'])
  })

  it('reads jsonl, csv and tsv, with or without a label', async () => {
    assert.deepEqual(await read('a.jsonl', '{"text":"a"}\n{"text":"b","label":"x"}\n'), [{ text: 'a' }, { text: 'b' }])
    assert.deepEqual(await read('a.csv', 'sentence1,sentence2\n"a, b",c\n'), [{ text: 'a, b', pair: 'c' }])
    assert.deepEqual(await read('a.tsv', 'text\tlabel\n"a\tx\n'), [{ text: '"a' }])
  })

  it('reads gzip, and columns by name', async () => {
    assert.deepEqual(await read('a.txt.gz', gzipSync('one\n')), ['one'])
    assert.deepEqual(await read('b.csv', 'x,y\n1,2\n', 'auto', { textColumn: 'y' }), [{ text: '2' }])
  })

  it('takes the format that is given over the name', async () => {
    assert.deepEqual(await read('c.csv', '{"text":"a"}\n', 'jsonl'), [{ text: 'a' }])
    assert.deepEqual(await read('d.log', 'one\n', 'text'), ['one'])
  })

  describe('of words', () => {
    const tokens = { task: 'token-classification' }
    const jsonl = '{"tokens":["a","b"]}\n{"text":"c d"}\n{"tokens":"e f","text":"x"}\n'

    it('takes lists of words, or texts in their place', async () => {
      const expected = [{ tokens: ['a', 'b'] }, { text: 'c d' }, { text: 'e f' }]
      assert.deepEqual(await read('w.jsonl', jsonl, 'auto', tokens), expected)
      assert.deepEqual(await read('w.txt', 'a b\n', 'auto', tokens), ['a b'])
      for (const [name, content] of [
        ['w.csv', 'sentence,x\na b,1\n'],
        ['w.tsv', 'sentence\tx\na b\t1\n'],
      ] as const)
        assert.deepEqual(await read(name, content, 'auto', tokens), [{ text: 'a b' }])
    })

    it('finds them in another column', async () => {
      const named = { ...tokens, textColumn: 'words' }
      assert.deepEqual(await read('n.jsonl', '{"words":["a"],"tokens":["b"]}\n', 'auto', named), [{ tokens: ['a'] }])
      const conll = 'N a O\nN b O\n\nN c O\n'
      const second = { ...tokens, textColumn: '2' }
      assert.deepEqual(await read('n.conll', conll, 'auto', second), [{ tokens: ['a', 'b'] }, { tokens: ['c'] }])
    })

    it('refuses what is none, with its place', async () => {
      for (const [content, sentence] of [
        ['{"tokens":["a"]}\n{"tokens":[]}\n', /r\.jsonl:2/],
        ['{"tokens":["a"]}\nb\n', /r\.jsonl:2/],
        ['{"tokens":["a"]}\n{"text":" "}\n', /r\.jsonl:2/],
        ['{"words":["a"]}\n', /r\.jsonl:1.*tokens/],
      ] as const)
        await assert.rejects(read('r.jsonl', content, 'auto', tokens), { message: sentence })
    })

    it('are texts for a model of texts', async () => {
      await assert.rejects(read('w.jsonl', jsonl), /w\.jsonl/)
    })
  })

  const refused: readonly [string, string, string, RegExp][] = [
    ['an empty line', 'e.txt', 'one\n\nthree\n', /e\.txt:2: expected a text, got an empty line/],
    ['a line that is no JSON', 'e.jsonl', '{"text":"a"}\nb\n', /e\.jsonl:2/],
    ['a row without text', 'f.jsonl', '{"txt":"a"}\n', /f\.jsonl/],
    ['an unknown ending', 'e.xyz', 'one\n', /e\.xyz/],
  ]
  for (const [what, name, content, sentence] of refused) {
    it(`refuses ${what}, with its place`, () => assert.rejects(read(name, content), { message: sentence }))
  }
})
