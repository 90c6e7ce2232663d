import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { modelFolder } from '../../lib/setup/assets.ts'
import { type EncodedIds, Tokenizer } from '../../lib/text/index.ts'
import { bpeFolder, hashedAlignment, hashedIds, readGolden, textInput } from '../parity/text-golden.ts'

interface Digest {
  tokens: number
  sha256: string
}

interface FileDigests {
  file: string
  contentSha256: string
  lines: number
  ids: Digest
  alignment: Digest
  pairs: Digest
}

const data = resolve('../shared/data')
interface Digests {
  /** Lines of each file that were hashed. */
  limits: { ids: number; alignment: number; pairs: number }
  bpe: FileDigests[]
  minilm: FileDigests[]
}

const expected = readGolden<Digests>('digests.json')

/** Lines of a file; Reuters is no UTF-8 and full of control characters. */
function linesOf(file: string, contentSha256: string): string[] {
  const bytes = readFileSync(join(data, file))
  const content = file.endsWith('.gz') ? gunzipSync(bytes) : bytes
  assert.equal(createHash('sha256').update(content).digest('hex'), contentSha256, `${file} is another file`)
  // Node's decoder keeps a byte order mark only when told to.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return (file.includes('reut') ? content.toString('latin1') : decoder.decode(content)).split('\n')
}

function digest<T extends EncodedIds>(encoded: readonly T[], numbers: (one: T) => number[]): Digest {
  const hash = createHash('sha256')
  let tokens = 0
  for (const one of encoded) {
    tokens += one.ids.length
    hash.update(Int32Array.from(numbers(one))) // little endian on every system that libtorch knows
  }
  return { tokens, sha256: hash.digest('hex') }
}

const first = (lines: string[], kind: keyof Digests['limits']): string[] => lines.slice(0, expected.limits[kind])
const asInput = (text: string): { text: string } => ({ text })

describe('text on real lines', function () {
  this.timeout(300_000)

  async function agree(tokenizer: Tokenizer, files: FileDigests[]): Promise<number> {
    let lines = 0
    for (const { file, contentSha256, ids, alignment, pairs } of files) {
      const texts = linesOf(file, contentSha256)
      const whole = await tokenizer.encode(first(texts, 'ids').map(asInput), { truncation: false, alignment: false })
      assert.deepEqual(digest(whole, hashedIds), ids, `${file}: ids`)
      const aligned = await tokenizer.encode(first(texts, 'alignment').map(asInput), { truncation: false })
      assert.deepEqual(digest(aligned, hashedAlignment), alignment, `${file}: offsets, word ids, type ids`)
      const halves = first(texts, 'pairs').map(line => textInput(line.split(/\t(.*)/s, 2)))
      const cut = await tokenizer.encode(halves, { maxLength: 32, alignment: false })
      assert.deepEqual(digest(cut, hashedIds), pairs, `${file}: pairs cut at 32`)
      lines += whole.length
    }
    return lines
  }

  before(function () {
    if (existsSync(data)) return
    console.log('    skipped: there is no ../shared/data beside the checkout')
    this.skip()
  })

  it('gives the ids of Python for a byte-level BPE', async () => {
    assert.ok((await agree(await Tokenizer.fromDir(bpeFolder), expected.bpe)) > 70_000)
  })

  it('gives the ids of Python for the WordPiece of all-MiniLM-L6-v2', async function () {
    const folder = modelFolder()
    if (folder === undefined) {
      console.log('    skipped: all-MiniLM-L6-v2 is not in the cache; run `npx bidora-torch setup`')
      this.skip()
    }
    assert.ok((await agree(await Tokenizer.fromDir(folder), expected.minilm)) > 70_000)
  })
})
