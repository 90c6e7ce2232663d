import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { readLines } from '../../../lib/data/lines.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

describe('lines', () => {
  const folder = temporaryFolder()
  const lines = async (content: string | Uint8Array, name = 'a.txt') =>
    (await all(readLines(folder.write(name, content)))).map(line => line.text)

  it('end in \\n alone; the last one may lack it', async () => {
    assert.deepEqual(await lines('a\nb\n'), ['a', 'b'])
    assert.deepEqual(await lines('a\n\nb'), ['a', '', 'b'])
    assert.deepEqual(await lines('a\r\nb\rc\u2028d\u0085e\x0bf'), ['a\r', 'b\rc\u2028d\u0085e\x0bf'])
    assert.deepEqual(await lines(''), [])
    assert.deepEqual(await lines('\n'), [''])
  })

  it('keep control characters and lose the byte order mark, at the start only', async () => {
    assert.deepEqual(await lines('\ufeffa\x08b\n\ufeffc\x12\n'), ['a\x08b', '\ufeffc\x12'])
    assert.deepEqual(await lines('\ufeff'), [''])
  })

  it('are numbered from 1', async () => {
    const numbers = (await all(readLines(folder.write('n.txt', 'a\n\nb')))).map(line => line.number)
    assert.deepEqual(numbers, [1, 2, 3])
  })

  it('are unpacked where they are gzip, whatever the name', async () => {
    assert.deepEqual(await lines(gzipSync('a\nb\n'), 'a.gz'), ['a', 'b'])
    assert.deepEqual(await lines(gzipSync('a\nb\n'), 'a.tsv'), ['a', 'b'])
    assert.deepEqual(await lines(Buffer.concat([gzipSync('a\n'), gzipSync('b\n')])), ['a', 'b'])
    assert.deepEqual(await lines('a\n', 'plain.gz'), ['a'])
    async function* bytes() {
      for (const byte of gzipSync('a\nb\n')) yield Uint8Array.of(byte)
    }
    assert.equal((await all(readLines({ name: 'stdin', bytes: bytes() }))).length, 2)
  })

  it('are whole where characters and lines are cut by the pieces of a stream', async () => {
    async function* pieces() {
      for (const byte of Buffer.from('äé€😀\nzwei\n')) yield Uint8Array.of(byte)
    }
    assert.deepEqual(
      (await all(readLines({ name: 'stdin', bytes: pieces() }))).map(line => line.text),
      ['äé€😀', 'zwei'],
    )
  })

  it('close their source when the reader stops', async () => {
    let closed = false
    async function* endless() {
      try {
        for (;;) yield Buffer.from('line\nline\n')
      } finally {
        closed = true
      }
    }
    for await (const _ of readLines({ name: 'stdin', bytes: endless() })) break
    assert.ok(closed)
  })

  it('pass on the error of a stream', async () => {
    async function* broken() {
      yield Buffer.from('line\n')
      throw new RangeError('cable cut')
    }
    await assert.rejects(all(readLines({ name: 'stdin', bytes: broken() })), {
      name: 'RangeError',
      message: 'cable cut',
    })
  })

  it('refuse bytes that are no UTF-8, naming line and byte', async () => {
    const latin1 = Buffer.from('erste\nein caf\xe9 hier\n', 'latin1')
    await assert.rejects(lines(latin1, 'l.txt'), {
      name: 'FormatError',
      code: 'DATA_ENCODING',
      message: /l\.txt:2: expected UTF-8 text, got the byte 0xe9 after "ein caf"; save the file as UTF-8$/,
      details: { file: folder.path('l.txt'), line: 2 },
    })
    const cut = Buffer.from('a\n\ufffd gilt, ä').subarray(0, -1)
    await assert.rejects(lines(cut), { message: /:2: .*byte 0xc3 after "\ufffd gilt, "/ })
  })

  it('refuse UTF-16, zero bytes, parquet and zip files, by what they are', async () => {
    await assert.rejects(lines(Buffer.from('\ufeffa\nb', 'utf16le')), { message: /:1: .*got UTF-16; / })
    await assert.rejects(lines('a\nb\0c\n'), { message: /:2: .*got a zero byte; / })
    await assert.rejects(lines('PAR1\x00\x01'), { message: /got a parquet file; / })
    await assert.rejects(lines('PK\x03\x04rest'), { message: /got a zip file / })
  })

  it('refuse broken and cut-off gzip, a missing file and a folder', async () => {
    const packed = gzipSync('a line\n'.repeat(1000))
    await assert.rejects(lines(packed.subarray(0, packed.length - 12), 'cut.gz'), {
      code: 'DATA_GZIP',
      message: /cut\.gz: /,
    })
    await assert.rejects(lines(Buffer.concat([packed.subarray(0, 20), Buffer.alloc(30, 7)])), { code: 'DATA_GZIP' })
    await assert.rejects(all(readLines(folder.path('none.txt'))), {
      name: 'FormatError',
      message: /none\.txt: .*no such file/,
    })
    await assert.rejects(all(readLines(folder.path())), { name: 'FormatError', message: /got a folder/ })
  })

  it('refuse a line without end before it fills the memory', async () => {
    async function* endless() {
      const piece = Buffer.alloc(1 << 20, 'x')
      for (;;) yield piece
    }
    await assert.rejects(all(readLines({ name: 'big', bytes: endless() })), {
      code: 'DATA_LINE_LENGTH',
      message: /^big:1: /,
    })
  })
})
