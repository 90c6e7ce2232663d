import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FormatError } from '../../../lib/errors.ts'
import { parseJson, readJson, readJsonObject, writeJson } from '../../../lib/io/index.ts'
import { findJsonFault } from '../../../lib/io/json-fault.ts'

describe('io/json', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-json-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const good = [
    '{}',
    '[]',
    '[[],{}]',
    ' {"a" : [1, -2.5e+3, 0, true, false, null, "x\\n\\u00e9\\"\\\\"] , "b":{"a":1}}\r\n\t',
    '"text"',
    '-0.5E-2',
    '{"":1,"\\u0061":2,"b":3}',
    '[{"a":1},{"a":1}]',
  ]
  for (const text of good) {
    it(`accepts ${JSON.stringify(text)}`, () => {
      assert.equal(findJsonFault(text), undefined)
      assert.deepEqual(parseJson(text, 'a.json'), JSON.parse(text))
    })
  }

  const bad: [text: string, position: number][] = [
    ['', 0],
    ['{', 1],
    ['[1,]', 3],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['[1 2]', 3],
    ['[1}', 2],
    ['{"a":1]', 6],
    ['01', 1],
    ['1.', 1],
    ['.5', 0],
    ['+1', 0],
    ['1e', 1],
    ['NaN', 0],
    ['"open', 5],
    ['"tab\there"', 4],
    ['"\\x"', 1],
    ['"\\u12g4"', 1],
    ['tru', 0],
    ['true false', 5],
    ['\ufeff{}', 0],
    ['[1,2]x', 5],
  ]
  for (const [text, position] of bad) {
    it(`refuses ${JSON.stringify(text)} at ${position}`, () => {
      assert.equal(findJsonFault(text)?.position, position)
      assert.throws(() => JSON.parse(text), SyntaxError)
      assert.throws(() => parseJson(text, 'a.json'), FormatError)
    })
  }

  it('refuses a key given twice, also when it is spelled otherwise', () => {
    for (const text of [
      '{"a":1,"b":2,"a":3}',
      '{"a":1,"\\u0061":2}',
      '[{"x":{"y":1,"y":1}}]',
      '{"__proto__":1,"__proto__":2}',
    ]) {
      assert.match(findJsonFault(text)!.problem, /given twice/)
    }
  })

  it('names file, line and column', () => {
    assert.throws(
      () => parseJson('{\n  "a": 1,\n  "b": oops\n}', 'config.json'),
      (error: FormatError) => {
        assert.match(error.message, /^config\.json:3:8: expected a value, got "o"/)
        assert.deepEqual([error.details.line, error.details.column], [3, 8])
        return true
      },
    )
  })

  it('survives any depth of nesting', () => {
    const deep = '['.repeat(200_000)
    assert.equal(findJsonFault(deep)?.position, 200_000)
    assert.equal(findJsonFault(deep + ']'.repeat(200_000)), undefined)
  })

  it('agrees with JSON.parse on random edits of a text', () => {
    const text = '{"a":[1,-2.5e3,{"b":"x\\ny"}],"c":null,"d":true}'
    let state = 1
    const random = (n: number) => (state = (state * 48271) % 2147483647) % n
    for (let i = 0; i < 3000; i++) {
      const at = random(text.length)
      const edited = text.slice(0, at) + '{}[]:,"\\0e-tn '[random(14)] + text.slice(at + random(3))
      let parses = true
      try {
        JSON.parse(edited)
      } catch {
        parses = false
      }
      const fault = findJsonFault(edited)
      assert.equal(fault === undefined || /twice/.test(fault.problem), parses, edited)
    }
  })

  it('writes what it reads, and leaves nothing beside it', () => {
    const path = join(folder, 'deep', 'a.json')
    writeJson(path, { a: [1, 'é'] })
    assert.equal(readFileSync(path, 'utf8'), '{\n  "a": [\n    1,\n    "é"\n  ]\n}\n')
    assert.deepEqual(readJson(path), { a: [1, 'é'] })
    assert.deepEqual(readdirSync(join(folder, 'deep')), ['a.json'])
  })

  it('writes a decimal point for the real numbers that are named, whatever is inside others', () => {
    const path = join(folder, 'reals.json')
    writeJson(path, { rate: -1, size: 3, half: 0.5, inner: { rate: 2 } }, { reals: ['rate', 'half'] })
    const lines = ['"rate": -1.0,', '"size": 3,', '"half": 0.5,', '"inner": {', '  "rate": 2', '}']
    assert.equal(readFileSync(path, 'utf8'), `{\n${lines.map(line => `  ${line}\n`).join('')}}\n`)
  })

  it('refuses files that are not there, folders, other text and other values', () => {
    assert.throws(() => readJson(join(folder, 'none.json')), /expected a JSON file, got no such file/)
    assert.throws(() => readJson(folder), /got a folder/)
    writeFileSync(join(folder, 'latin.json'), Buffer.from([0x22, 0xe9, 0x22]))
    assert.throws(() => readJson(join(folder, 'latin.json')), /expected UTF-8/)
    writeFileSync(join(folder, 'list.json'), '[1]')
    assert.throws(() => readJsonObject(join(folder, 'list.json')), /expected a JSON object, got a list/)
    writeFileSync(join(folder, 'null.json'), 'null')
    assert.throws(() => readJsonObject(join(folder, 'null.json')), /got null/)
  })
})
