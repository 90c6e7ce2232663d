import assert from 'node:assert/strict'
import { readCsv } from '../../../lib/data/csv.ts'
import { readJsonl } from '../../../lib/data/jsonl.ts'
import { readTsv } from '../../../lib/data/tsv.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

const folder = temporaryFolder

describe('tsv', () => {
  const { write } = folder()
  const rows = async (content: string) => (await all(readTsv(write('a.tsv', content)))).map(row => row.fields)

  it('takes quotes for ordinary characters and keeps spaces', async () => {
    assert.deepEqual(await rows('a\t"b\n"c" \t d"\n'), [
      ['a', '"b'],
      ['"c" ', ' d"'],
    ])
    assert.deepEqual(await rows('a\t\t\t b \n'), [['a', '', '', ' b ']])
  })

  it('reads Windows line ends, and passes over empty lines at the end alone', async () => {
    assert.deepEqual(await rows('a\tb\r\nc\td\r\n\r\n\n'), [
      ['a', 'b'],
      ['c', 'd'],
    ])
    assert.deepEqual(await rows('a\n\nb\n\n'), [['a'], [''], ['b']])
  })
})

describe('csv', () => {
  const { write } = folder()
  const read = (content: string, delimiter?: string) => all(readCsv(write('a.csv', content), { delimiter }))

  it('reads quoted fields with delimiters, doubled quotes and line ends', async () => {
    assert.deepEqual(await read('a,b\n"x, y","say ""hi"""\n"two\nlines",z\n'), [
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['x, y', 'say "hi"'] },
      { line: 3, fields: ['two\nlines', 'z'] },
    ])
  })

  it('gives the physical line of each row, also after quoted \\r\\n and lone \\r', async () => {
    const rows = await read('a,b\r\n1,"x\r\ny"\r\n2,"u\rv"\r\n\r\n3,w\r\n\r\n')
    assert.deepEqual(
      rows.map(({ line, fields }) => [line, ...fields]),
      [
        [1, 'a', 'b'],
        [2, '1', 'x\r\ny'],
        [4, '2', 'u\rv'],
        [5, ''],
        [6, '3', 'w'],
      ],
    )
  })

  it('reads files with mixed line ends, without a last one, with a byte order mark, with another delimiter', async () => {
    const fields = async (content: string, delimiter?: string) =>
      (await read(content, delimiter)).map(row => row.fields)
    assert.deepEqual(await fields('a,b\r\n1,2\n3,4'), [
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
    ])
    assert.deepEqual(await fields('\ufeff"a","b"\n'), [['a', 'b']])
    assert.deepEqual(await fields('a;b\n"1;2";3\n', ';'), [
      ['a', 'b'],
      ['1;2', '3'],
    ])
    assert.deepEqual(await fields('a\tb\n"1\t2"\t3\n', '\t'), [
      ['a', 'b'],
      ['1\t2', '3'],
    ])
    assert.deepEqual(await fields(''), [])
  })

  it('refuses broken quoting with the line on which the row begins', async () => {
    await assert.rejects(read('a,b\n1,2\n"x\n2,z\n'), {
      name: 'FormatError',
      code: 'DATA_CSV',
      message: /a\.csv:3: expected csv, got a row with broken quoting \(a quote that is never closed\)/,
    })
    await assert.rejects(read('a,b\n1,x"y\n'), { message: /:2: .*a quote inside a field that is not quoted/ })
    await assert.rejects(read('a,b\n1,"x"y\n'), { message: /:2: .*text after a closing quote/ })
  })

  it('passes on what is wrong with the file itself', async () => {
    await assert.rejects(all(readCsv(write('b.csv', Buffer.from('a,b\n1,\xff\n', 'latin1')))), {
      code: 'DATA_ENCODING',
      message: /b\.csv:2: /,
    })
    await assert.rejects(all(readCsv('/nonexistent/b.csv')), { name: 'FormatError', message: /no such file/ })
  })
})

describe('jsonl', () => {
  const { write } = folder()
  const read = (content: string) => all(readJsonl(write('a.jsonl', content)))

  it('reads an object a line and passes over white space', async () => {
    assert.deepEqual(await read('{"text":"a\\nb"}\r\n \n{"text":"\u2028"}'), [
      { line: 1, values: { text: 'a\nb' } },
      { line: 3, values: { text: '\u2028' } },
    ])
  })

  it('puts an error in the place of each line that is no object', async () => {
    const rows = await read('{"text":"a"}\n{"text":}\n3\nnull\n["a"]\n{"score": NaN}\n{"text":"b"}\n')
    const faults = rows.flatMap(row => ('error' in row ? [row.error.message.replace(/^.*a\.jsonl/, '')] : []))
    assert.equal(rows.length, 7)
    assert.match(faults[0]!, /^:2: expected a JSON object, got "\{\\"text\\":\}" \(.*\); mend the line$/)
    assert.match(faults[1]!, /^:3: .*got a number; write one object a line$/)
    assert.match(faults[2]!, /^:4: .*got null; /)
    assert.match(faults[3]!, /^:5: .*got an array; /)
    assert.match(faults[4]!, /^:6: .*NaN/)
  })

  it('refuses a JSON array', async () => {
    await assert.rejects(read('[{"text":"a"},\n{"text":"b"}]'), {
      code: 'DATA_JSON',
      message: /:1: .*the start of an array/,
    })
  })
})
