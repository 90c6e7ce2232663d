import assert from 'node:assert/strict'
import { decodeBytes, noCounts, windows1252 } from '../../../../lib/data/mail/charset.ts'

function decode(bytes: readonly number[] | string, charset?: string) {
  const counts = noCounts()
  const text = decodeBytes(typeof bytes === 'string' ? Buffer.from(bytes) : Uint8Array.from(bytes), charset, counts)
  return { text, ...counts }
}
const clean = { undeclared: 0, unknown: 0, damaged: 0 }

describe('charsets of mails', () => {
  it('are decoded by name', () => {
    assert.deepEqual(decode([0xe4, 0xa4], 'ISO-8859-15'), { text: 'ä€', ...clean })
    assert.deepEqual(decode([0xc4, 0xe3, 0xba, 0xc3], 'GB2312'), { text: '你好', ...clean })
    assert.deepEqual(decode([0xa7, 0x41, 0xa6, 0x6e], 'big5'), { text: '你好', ...clean })
    assert.deepEqual(decode([0xb1, 0xa4, 0xb0, 0xed], 'ks_c_5601-1987'), { text: '광고', ...clean })
    assert.deepEqual(decode([0xf0, 0xd2], 'koi8-r'), { text: 'Пр', ...clean })
    assert.deepEqual(decode('ä€', ' UTF-8 '), { text: 'ä€', ...clean })
  })

  it('windows-1252 is what it says, in every release of Node; latin1 is read so too', () => {
    assert.deepEqual(decode([0x93, 0x92, 0x80, 0xe4], 'windows-1252'), { text: '“’€ä', ...clean })
    assert.deepEqual(decode([0x92], 'iso-8859-1'), { text: '’', ...clean })
    const python =
      '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ' +
      Array.from({ length: 96 }, (_, i) => String.fromCharCode(160 + i)).join('')
    assert.equal(windows1252(Uint8Array.from({ length: 128 }, (_, i) => 128 + i)), python)
  })

  it('that are not named are UTF-8 where the bytes fit, else windows-1252, counted', () => {
    assert.deepEqual(decode('ä'), { text: 'ä', ...clean })
    assert.deepEqual(decode('ä', 'us-ascii'), { text: 'ä', ...clean })
    assert.deepEqual(decode([0xe4], 'US-ASCII'), { text: 'ä', ...clean, undeclared: 1 })
    assert.deepEqual(decode([0x41, 0x92]), { text: 'A’', ...clean, undeclared: 1 })
  })

  it('that nobody knows are windows-1252, counted', () => {
    for (const name of ['DEFAULT_CHARSET', 'unknown-8bit', 'CHINESEBIG5', 'iso-2022-kr']) {
      assert.deepEqual(decode([0xe4], name), { text: 'ä', ...clean, unknown: 1 }, name)
    }
  })

  it('that do not fit are counted: UTF-8 becomes windows-1252, others keep U+FFFD', () => {
    assert.deepEqual(decode([0x41, 0xe4], 'utf-8'), { text: 'Aä', ...clean, damaged: 1 })
    const { text, damaged } = decode([0xc4, 0xe3, 0xc4], 'gb2312')
    assert.equal(damaged, 1)
    assert.match(text, /^你\ufffd/)
  })
})
