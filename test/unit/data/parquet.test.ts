import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as zlib from 'node:zlib'
import { tableFromArrays, tableToIPC } from '@uwdata/flechette'
import { parseFeatures, plainRow } from '../../../lib/data/features.ts'
import { formatOf, loadFile, readArrow, readInputs, readParquet } from '../../../lib/data/index.ts'
import { root } from '../../parity/golden.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

const golden = join(root, 'test/golden/dataset_files')
const { cases } = JSON.parse(readFileSync(join(golden, 'cases.json'), 'utf8')) as {
  cases: { path: string; rows: Record<string, unknown>[] }[]
}
const file = (path: string) => join(golden, path)
const stream = (path: string) => ({ name: basename(path), bytes: createReadStream(file(path)) })
/** The arrow library takes a byte order mark off texts. */
const wanted = (path: string) => {
  const { rows } = cases.find(each => each.path === path)!
  if (path.endsWith('.parquet')) return rows
  return JSON.parse(JSON.stringify(rows).replaceAll('\ufeff', '')) as typeof rows
}
const packed = /^(zstd|lz4)-/

describe('parquet and saved data sets', () => {
  const { write, path } = temporaryFolder()

  it('give the rows that pyarrow and datasets give, from files and streams', async () => {
    let seen = 0
    for (const { path: name } of cases.filter(each => !packed.test(each.path))) {
      const rows = wanted(name)
      const parquet = name.endsWith('.parquet')
      const read = parquet ? readParquet(file(name)) : readArrow(file(name))
      assert.deepEqual(
        await all(read),
        rows.map((values, i) => ({ line: i + 1, values })),
        name,
      )
      if (parquet) assert.equal((await all(readParquet(stream(name)))).length, rows.length)
      seen++
    }
    assert.equal(seen, 13)
    const shard = 'texts/data-00001-of-00002.arrow'
    const second = wanted('texts').slice(3)
    assert.deepEqual(
      (await all(readArrow(file(shard)))).map(row => 'values' in row && row.values),
      second,
    )
    assert.deepEqual(
      (await all(readArrow(stream(shard)))).map(row => 'values' in row && row.values),
      second,
    )
  })

  it('have the names of classes where they are known, and whole numbers of any size', async () => {
    const features = parseFeatures(
      JSON.stringify({
        info: {
          features: {
            label: { _type: 'ClassLabel', names: ['no', 'yes'] },
            tags: { feature: { _type: 'ClassLabel', names: ['O', 'B-X'] } },
          },
        },
      }),
    )
    const tags = Int32Array.of(1, 0)
    assert.deepEqual(plainRow({ label: 1n, tags, big: 2n ** 60n, small: -7n, none: undefined }, features), {
      label: 'yes',
      tags: ['B-X', 'O'],
      big: '1152921504606846976',
      small: -7,
      none: null,
    })
    assert.deepEqual(plainRow({ label: -1, tags: [1n, -1n] }, features), { label: null, tags: ['B-X', null] })
    assert.deepEqual(plainRow({ label: 2n }, features), { label: 2 }) // an index beyond the names
    // Another program may have a key of the same name.
    for (const metadata of [undefined, 'null', '{"info":null}', 'x = 1']) assert.deepEqual(parseFeatures(metadata), {})
    const table = tableFromArrays({ text: ['a'], id: [2n ** 60n] })
    assert.deepEqual(await all(readArrow(write('big.arrow', tableToIPC(table, { format: 'file' })!))), [
      { line: 1, values: { text: 'a', id: '1152921504606846976' } },
    ])
  })

  it('from any row on', async () => {
    for (const from of [0, 9, 10, 11, 24, 25, 30]) {
      const rows = await all(readParquet(file('snappy-1.parquet'), from))
      assert.deepEqual(
        rows.map(({ line }) => line),
        Array.from({ length: Math.max(0, 25 - from) }, (_, i) => from + i + 1),
      )
    }
    assert.deepEqual(
      (await all(readArrow(file('texts'), 4))).map(({ line }) => line),
      [5],
    )
  })

  it('are refused where Node cannot unpack them', async () => {
    const zstd = 'zstdDecompressSync' in zlib
    const others = cases.filter(each => packed.test(each.path))
    assert.equal(others.length, 4)
    for (const { path: name, rows } of others) {
      if (zstd && name.startsWith('zstd')) assert.equal((await all(readParquet(file(name)))).length, rows.length)
      else
        await assert.rejects(all(readParquet(file(name))), {
          name: 'FormatError',
          code: 'DATA_PARQUET',
          message:
            /expected a parquet file compressed with snappy, gzip, brotli.* got (zstd|lz4_raw); write it with compression='snappy'/,
        })
    }
  })

  it('are refused where they are cut off or something else', async () => {
    const whole = readFileSync(file('snappy-1.parquet'))
    for (const bytes of [whole.subarray(0, -20), whole.subarray(0, 40), Buffer.from('text,label\n'), Buffer.alloc(0)]) {
      await assert.rejects(all(readParquet(write('a.parquet', bytes))), {
        code: 'DATA_PARQUET',
        message: /a\.parquet: expected a whole parquet file/,
      })
    }
    const latin1 = readFileSync(file('none-1.parquet'))
    const at = latin1.indexOf('text 1 ')
    latin1[at] = 0xe9
    assert.ok(at > 0)
    await assert.rejects(all(readParquet(write('a.parquet', latin1))), { code: 'DATA_PARQUET' })
    const middle = Buffer.from(whole)
    middle.fill(0xff, 4, 60)
    await assert.rejects(all(readParquet(write('a.parquet', middle))), { code: 'DATA_PARQUET' })
    const shard = readFileSync(file('tokens/data-00000-of-00001.arrow'))
    for (const bytes of [shard.subarray(0, 300), Buffer.from('text,label\n')])
      await assert.rejects(all(readArrow(write('a.arrow', bytes))), {
        code: 'DATA_ARROW',
        message: /a\.arrow: expected a whole arrow file/,
      })
    await assert.rejects(all(readParquet(path('none.parquet'))), { code: 'FILE_UNREADABLE' })
    await assert.rejects(all(readArrow(path('none'))), { code: 'FILE_UNREADABLE' })
  })

  it('are examples like those of other files', async () => {
    const labels = ['neg', 'pos']
    const skip = { malformed: 'skip' } as const
    for (const name of ['texts.parquet', 'texts']) {
      const examples = await loadFile(file(name), { labels, ...skip })
      assert.deepEqual(examples, [
        { text: 'a "quoted", film ', label: 'pos' },
        { text: 'Café\nnoir', label: 'neg' },
        { text: name === 'texts' ? '£ 30' : '\ufeff£ 30', label: 'pos' },
      ])
      await assert.rejects(loadFile(file(name), { labels }), {
        code: 'DATA_LABEL',
        message: new RegExp(`${name}:4: expected label to be a name or an index from 0, got null.*also wrong: line 5`),
      })
      const scores = await loadFile(file(name), { problemType: 'regression', labelColumn: 'score', ...skip })
      assert.deepEqual(
        scores.map(({ label }) => label),
        [0.5, -1.25, 3],
      )
      const many = await loadFile(file(name), { problemType: 'multi-label', labelColumn: 'many', ...skip })
      assert.deepEqual(
        many.map(({ label }) => label),
        [['x'], [], ['y', 'x']],
      )
      const flags = await loadFile(file(name), { labelColumn: 'flag', ...skip })
      assert.deepEqual(
        flags.map(({ label }) => label),
        ['true', 'false', 'true'],
      )
    }
    const tokens = [
      { tokens: ['Rome', 'fell', '.'], labels: ['B-LOC', 'O', 'O'] },
      { tokens: ['x'], labels: ['B-LOC'] },
    ]
    for (const name of ['tokens.parquet', 'tokens', 'parts/train'])
      assert.deepEqual(await loadFile(file(name), { task: 'token-classification' }), tokens)
    assert.deepEqual(
      await loadFile(stream('tokens.parquet'), { task: 'token-classification', format: 'parquet' }),
      tokens,
    )
    assert.deepEqual((await loadFile(file('none-1.parquet'), { labelColumn: 'label' }))[1], {
      text: 'text 1 w',
      label: 'x',
    })
    assert.equal((await all(readInputs(file('none-2.parquet')))).length, 25)
    assert.equal(formatOf('a/b.PARQUET'), 'parquet')
  })

  it('are refused with what to do where a folder is not one saved data set', async () => {
    await assert.rejects(loadFile(file('parts')), {
      code: 'DATA_SAVED',
      message:
        /parts: expected one data set, got a folder of several; name one of them \(.*parts\/train, .*parts\/test\)/,
    })
    write('folder/readme.txt', 'x')
    await assert.rejects(loadFile(path('folder')), {
      code: 'DATA_SAVED',
      message: /with state\.json\), got readme\.txt/,
    })
    write('part/state.json', '{"_data_files":[{"filename":"data-00000-of-00001.arrow"}]}')
    await assert.rejects(loadFile(path('part')), {
      code: 'DATA_SAVED',
      message: /expected the files of state\.json \(data-00000-of-00001\.arrow\)/,
    })
    write('order/state.json', '{"_data_files":[],"_indices_data_files":[{"filename":"indices.arrow"}]}')
    await assert.rejects(loadFile(path('order')), { code: 'DATA_SAVED', message: /flatten_indices\(\)/ })
    for (const key of ['_indices_data_files', '_indices_files']) {
      write('order/state.json', `{"_data_files":[],"${key}":[{"filename":"indices.arrow"}]}`)
      await assert.rejects(loadFile(path('order')), { code: 'DATA_SAVED', message: /flatten_indices\(\)/ })
    }
  })

  it('are refused by name where the files beside their rows are broken', async () => {
    const broken: readonly [file: string, content: string, code: string, message: RegExp][] = [
      ['state', '{"_data_files":[', 'BAD_JSON', /cut\/state\.json:1:\d+: expected a value, got the end/],
      ['state', '[]', 'BAD_JSON', /cut\/state\.json: expected a JSON object, got a list/],
      ['state', '{"_data_files":3}', 'DATA_SAVED', /cut\/state\.json: expected _data_files to be a list .*, got 3; /],
      ['state', '{"_data_files":[{"name":"a"}]}', 'DATA_SAVED', /expected _data_files to be a list of .*"name"/],
      ['dataset_dict', '{"splits":', 'BAD_JSON', /parts\/dataset_dict\.json:1:\d+: expected a value/],
      ['dataset_dict', '{"splits":"train"}', 'DATA_SAVED', /dataset_dict\.json: expected splits to be a list of names/],
    ]
    for (const [file, content, code, message] of broken) {
      const folder = file === 'state' ? 'cut' : 'cut-parts'
      write(`${folder}/${file}.json`, content)
      await assert.rejects(loadFile(path(folder)), { name: 'FormatError', code, message })
    }
  })
})
