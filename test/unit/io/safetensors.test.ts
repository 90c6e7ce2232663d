import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArgumentError, FormatError } from '../../../lib/errors.ts'
import { readSafetensors, SafetensorsFile, writeFileAtomic, writeSafetensors } from '../../../lib/io/index.ts'
import { add_, narrow, transpose } from '../../../lib/ops/index.ts'
import { type DType, itemSize, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

/** The bytes of a file with this header (an object, or its text) and so many bytes of data. */
function fileOf(header: unknown, dataLength = 0, headerLength?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerLength ?? BigInt(text.byteLength))
  return Buffer.concat([length, text, Buffer.alloc(dataLength)])
}

const entry = (dtype: string, shape: unknown, ...offsets: unknown[]) => ({ dtype, shape, data_offsets: offsets })

describe('io/safetensors', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-safetensors-'))
    path = join(folder, 'a.safetensors')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('writes and reads every dtype, shape and name', () => {
    const dtypes = Object.keys(itemSize) as DType[]
    scope(() => {
      const made = new Map<string, Tensor>(
        dtypes.map(dtype => [
          `a.${dtype}`,
          tensor(
            [
              [1, 0, 1],
              [1, 1, 0],
            ],
            { dtype },
          ),
        ]),
      )
      made.set('empty', tensor([], { shape: [0, 4] }))
      made.set('scalar', tensor(2.5))
      made.set('__proto__', tensor([1]))
      made.set('é 𝄞 "\\', tensor([2]))
      writeSafetensors(path, made, { format: 'pt', note: 'ü' })
      const file = new SafetensorsFile(path)
      assert.deepEqual({ ...file.metadata }, { format: 'pt', note: 'ü' })
      const read = readSafetensors(path)
      assert.deepEqual([...read.keys()].sort(), [...made.keys()].sort())
      for (const [name, value] of made) {
        assert.equal(read.get(name)!.dtype, value.dtype, name)
        assert.deepEqual(read.get(name)!.shape, value.shape, name)
        assert.deepEqual(read.get(name)!.tolist(), value.tolist(), name)
      }
    })
  })

  it('keeps int64 beyond the safe range', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([9007199254740993n, -9223372036854775808n]) })
      assert.deepEqual(readSafetensors(path).get('a')!.tolist({ bigint: true }), [
        9007199254740993n,
        -9223372036854775808n,
      ])
    })
  })

  it('writes views and transposed tensors as what they show', () => {
    scope(() => {
      const whole = tensor(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        { requiresGrad: true },
      )
      writeSafetensors(path, { turned: transpose(whole, 0, 1), part: narrow(whole, 1, 1, 2) })
      const read = readSafetensors(path)
      assert.deepEqual(read.get('turned')!.tolist(), [
        [1, 4],
        [2, 5],
        [3, 6],
      ])
      assert.deepEqual(read.get('part')!.tolist(), [
        [2, 3],
        [5, 6],
      ])
    })
  })

  it('aligns the data and writes no more than it says', () => {
    scope(() => {
      writeSafetensors(path, { b: tensor([1, 2, 3], { dtype: 'uint8' }), a: tensor([1, 2], { dtype: 'float64' }) })
      const bytes = readFileSync(path)
      assert.equal((8 + Number(bytes.readBigUInt64LE())) % 8, 0)
      const file = new SafetensorsFile(path)
      assert.deepEqual(
        [...file.entries.values()].map(({ name, begin }) => [name, begin]),
        [
          ['a', 0],
          ['b', 16],
        ],
      )
    })
  })

  it('writes a tensor larger than one piece', () => {
    scope(() => {
      const count = (64 << 20) + 5 // pieces of 64 MiB
      const data = new Uint8Array(count)
      data[0] = 1
      data[(64 << 20) - 1] = 2
      data[64 << 20] = 3
      data[count - 1] = 4
      writeSafetensors(path, { big: tensor(data) })
      const bytes = readFileSync(path)
      const start = 8 + Number(bytes.readBigUInt64LE())
      assert.ok(bytes.subarray(start).equals(data))
    })
  })

  it('never writes to the file through a tensor', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([1, 2]) })
      const before = readFileSync(path)
      const [first, second] = [readSafetensors(path).get('a')!, readSafetensors(path).get('a')!]
      add_(first, 10)
      assert.deepEqual(first.tolist(), [11, 12])
      assert.deepEqual(second.tolist(), [1, 2])
      assert.deepEqual(readFileSync(path), before)
    })
  })

  it('reads files that may not be written', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([1, 2]) })
      chmodSync(path, 0o444)
      add_(readSafetensors(path).get('a')!, 1)
    })
  })

  it('outlives the replacement and the removal of the file', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([1, 2]) })
      const old = readSafetensors(path).get('a')!
      writeSafetensors(path, { a: tensor([3, 4]) })
      assert.deepEqual(old.tolist(), [1, 2])
      assert.deepEqual(readSafetensors(path).get('a')!.tolist(), [3, 4])
      rmSync(path)
      assert.deepEqual(old.tolist(), [1, 2])
    })
  })

  it('copies where asked to, so that the file may be cut short', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([1, 2]) })
      const copied = readSafetensors(path, { copy: true }).get('a')!
      writeFileSync(path, '')
      assert.deepEqual(copied.tolist(), [1, 2])
    })
  })

  it('reads data that is not aligned', () => {
    scope(() => {
      const header = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
      const bytes = fileOf(header + ' '.repeat((8 - (header.length % 8)) % 8) + '   ', 8)
      bytes.writeFloatLE(1.5, bytes.length - 8)
      bytes.writeFloatLE(-2, bytes.length - 4)
      writeFileSync(path, bytes)
      assert.deepEqual(readSafetensors(path).get('a')!.tolist(), [1.5, -2])
    })
  })

  it('reads a file without tensors', () => {
    writeFileSync(path, fileOf('{}'))
    assert.equal(readSafetensors(path).size, 0)
    writeSafetensors(path, {})
    assert.equal(statSync(path).size, 16)
    assert.equal(readSafetensors(path).size, 0)
  })

  const sound = { a: entry('F32', [2], 0, 8) }
  const lies: [what: string, bytes: Buffer, message: RegExp][] = [
    ['an empty file', Buffer.alloc(0), /file of 0 bytes/],
    ['seven bytes', Buffer.alloc(7), /file of 7 bytes/],
    ['a header longer than the file', fileOf(sound, 8, 1000n), /within the file's .* got a length of 1000/],
    ['a header of 2^64 - 1 bytes', fileOf(sound, 8, 2n ** 64n - 1n), /at most 100000000 bytes/],
    ['a header above 100 MB', fileOf(sound, 8, 100_000_001n), /at most 100000000 bytes/],
    ['an empty header', fileOf('', 0), /begins with "\{"/],
    ['a header that is a list', fileOf('[]'), /begins with "\{"/],
    ['space before the header', fileOf(' {}'), /begins with "\{"/],
    ['a header that is no JSON', fileOf('{"a":}'), /expected a value/],
    ['text after the header', fileOf('{}x'), /end of the text/],
    ['bytes that are no UTF-8', Buffer.concat([fileOf('', 0, 4n), Buffer.from([0x7b, 0xff, 0xff, 0x7d])]), /UTF-8/],
    ['a tensor given twice', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":1}'), /given twice/],
    [
      'a field given twice',
      fileOf('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'),
      /given twice/,
    ],
    ['a tensor that is a number', fileOf({ a: 1 }), /"a": expected an object, got 1/],
    ['a tensor that is null', fileOf({ a: null }), /expected an object, got null/],
    ['a field too many', fileOf({ a: { ...entry('U8', [0], 0, 0), stride: [1] } }), /got also stride/],
    ['no dtype', fileOf({ a: { shape: [0], data_offsets: [0, 0] } }), /expected a dtype of .* got undefined/],
    ['an unknown dtype', fileOf({ a: entry('F32x', [0], 0, 0) }), /expected a dtype of .* got "F32x"/],
    ['a dtype that is not supported', fileOf({ a: entry('F8_E4M3', [1], 0, 1) }, 1), /got "F8_E4M3"/],
    ['a dtype of the prototype', fileOf({ a: entry('constructor', [0], 0, 0) }), /got "constructor"/],
    ['no shape', fileOf({ a: { dtype: 'U8', data_offsets: [0, 0] } }), /expected a shape/],
    ['a negative size', fileOf({ a: entry('U8', [-1, -1], 0, 1) }, 1), /expected a shape .* got \[-1,-1\]/],
    ['a size of minus zero', fileOf('{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'), /expected a shape/],
    ['half a size', fileOf({ a: entry('U8', [1.5, 2], 0, 3) }, 3), /expected a shape/],
    [
      'a size beyond 2^53',
      fileOf('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,0]}}'),
      /expected a shape/,
    ],
    ['a size in words', fileOf({ a: entry('U8', ['1'], 0, 1) }, 1), /expected a shape/],
    ['a shape that is a number', fileOf({ a: entry('U8', 1, 0, 1) }, 1), /expected a shape/],
    ['a product beyond 2^53', fileOf({ a: entry('F64', [2 ** 30, 2 ** 30], 0, 8) }, 8), /that memory can hold/],
    [
      'a product that overflows before a zero',
      fileOf({ a: entry('F64', [2 ** 40, 2 ** 40, 0], 0, 0) }),
      /that memory can hold/,
    ],
    ['no offsets', fileOf({ a: { dtype: 'U8', shape: [0] } }), /data_offsets of two/],
    ['one offset', fileOf({ a: entry('U8', [0], 0) }), /data_offsets of two/],
    ['three offsets', fileOf({ a: entry('U8', [0], 0, 0, 0) }), /data_offsets of two/],
    ['negative offsets', fileOf({ a: entry('U8', [1], -1, 0) }, 1), /data_offsets of two/],
    ['offsets in reverse', fileOf({ a: entry('U8', [1], 1, 0) }, 1), /data_offsets in order/],
    ['fewer bytes than the shape', fileOf({ a: entry('F32', [2], 0, 4) }, 4), /expected 8 bytes for F32 \[2\], got 4/],
    ['more bytes than the shape', fileOf({ a: entry('F32', [2], 0, 12) }, 12), /expected 8 bytes .* got 12/],
    ['bytes for an empty shape', fileOf({ a: entry('F32', [0], 0, 4) }, 4), /expected 0 bytes/],
    ['an end beyond the data', fileOf({ a: entry('F32', [2], 0, 8) }, 7), /within 7 bytes of data, got 8/],
    ['a gap at the start', fileOf({ a: entry('U8', [1], 1, 2) }, 2), /begin at 0, got 1: a gap/],
    ['a gap between', fileOf({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, 3), /"b".* a gap/],
    ['an overlap', fileOf({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3), /"b".* an overlap/],
    ['the same bytes twice', fileOf({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 0, 2) }, 2), /an overlap/],
    ['bytes after the last tensor', fileOf(sound, 9), /1 bytes belong to no tensor/],
    ['data without tensors', fileOf({}, 1), /1 bytes belong to no tensor/],
    ['metadata that is a list', fileOf({ __metadata__: ['a'] }), /__metadata__: expected an object/],
    ['metadata that is a number', fileOf({ __metadata__: { step: 3 } }), /__metadata__.step: expected a string, got 3/],
    ['null as metadata', fileOf({ __metadata__: null }), /__metadata__: expected an object/],
  ]
  for (const [what, bytes, message] of lies) {
    it(`refuses ${what}`, () => {
      writeFileSync(path, bytes)
      assert.throws(
        () => readSafetensors(path),
        (error: FormatError) => {
          assert.ok(error instanceof FormatError)
          assert.match(error.message, message)
          assert.ok(error.message.startsWith(path))
          assert.equal(error.details.file, path)
          return true
        },
      )
    })
  }

  it('lists every bad entry at once, and counts those it does not show', () => {
    const entries = Array.from({ length: 30 }, (_, index) => [`t${index}`, entry('F33', [1], 0, 1)])
    writeFileSync(path, fileOf(Object.fromEntries(entries)))
    assert.throws(
      () => readSafetensors(path),
      (error: FormatError) => {
        assert.match(error.message, /"t0".*"t19".*and 10 more/)
        assert.equal((error.details.problems as string[]).length, 30)
        return true
      },
    )
  })

  it('refuses bools that are neither 0 nor 1', () => {
    const bytes = fileOf({ a: entry('BOOL', [3], 0, 3) }, 3)
    bytes[bytes.length - 1] = 1
    writeFileSync(path, bytes)
    scope(() => assert.deepEqual(readSafetensors(path).get('a')!.tolist(), [false, false, true]))
    bytes[bytes.length - 2] = 2
    writeFileSync(path, bytes)
    assert.throws(() => readSafetensors(path), /expected bools of 0 and 1/)
  })

  it('refuses a header cut short or changed in any byte, or reads what it then says', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([1, 2]), b: tensor([3], { dtype: 'uint8' }) })
    })
    const bytes = readFileSync(path)
    const headerEnd = 8 + Number(bytes.readBigUInt64LE())
    for (let length = 0; length < bytes.length; length += 3) {
      writeFileSync(path, bytes.subarray(0, length))
      assert.throws(() => readSafetensors(path), FormatError, `cut to ${length}`)
    }
    for (let at = 0; at < headerEnd; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 + (at % 7)
      writeFileSync(path, changed)
      try {
        scope(() => void readSafetensors(path))
      } catch (error) {
        assert.ok(error instanceof FormatError, `byte ${at}: ${error}`)
      }
    }
  })

  it('refuses paths that are no files, and names that are not there', () => {
    assert.throws(() => readSafetensors(join(folder, 'none')), /expected a safetensors file, got no such file/)
    assert.throws(() => readSafetensors(folder), /got a folder/)
    writeFileSync(path, fileOf('{}'))
    assert.throws(() => new SafetensorsFile(path).tensor('a'), ArgumentError)
    assert.throws(() => new SafetensorsFile(path).tensor('__metadata__'), ArgumentError)
  })

  it('refuses to write what the format cannot hold, and writes nothing then', () => {
    scope(() => {
      const a = tensor([1])
      assert.throws(() => writeSafetensors(path, { __metadata__: a }), /reserves/)
      assert.throws(() => writeSafetensors(path, { 'a\ud800': a }), /whole characters/)
      const metadata = { step: 3 } as unknown as Record<string, string>
      assert.throws(() => writeSafetensors(path, { a }, metadata), /expected metadata step to be a string/)
      const gone = tensor([1])
      gone.dispose()
      assert.throws(() => writeSafetensors(path, { a, gone }))
      assert.throws(() => statSync(path), /ENOENT/)
    })
  })

  it('leaves the old file where writing fails', () => {
    scope(() => {
      writeSafetensors(path, { a: tensor([1]) })
      const before = readFileSync(path)
      assert.throws(() => writeFileAtomic(path, () => void tensor([1]).reshape([7])))
      assert.deepEqual(readFileSync(path), before)
    })
  })
})
