import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { type ExampleStream, loadFile, streamFiles, type StreamOptions, type Task } from '../../../lib/data/index.ts'
import { replay } from '../../../lib/data/shuffle-buffer.ts'
import { root } from '../../parity/golden.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

async function take<E>(stream: ExampleStream<E>, count: number): Promise<E[]> {
  const taken: E[] = []
  if (count === 0) return taken
  for await (const example of stream) if (taken.push(example) === count) break
  return taken
}

describe('streamed files', () => {
  const { write, path } = temporaryFolder()
  const jsonl = (rows: readonly number[]) =>
    rows.map(i => `${JSON.stringify({ text: `t${i}`, label: 'x' })}\n`).join('')
  const texts = (examples: readonly { text: string }[]) => examples.map(({ text }) => Number(text.slice(1)))

  it('give every row once a pass, in another order each time, the same for one seed', async () => {
    const files = [
      write('a.jsonl', jsonl(numbers(30))),
      write('b.jsonl.gz', gzipSync(jsonl(numbers(25).map(i => i + 30)))),
    ]
    const passes = async (options: StreamOptions) => {
      const stream = streamFiles(files, options)
      return [texts(await all(stream)), texts(await all(stream)), texts(await all(stream))]
    }
    const orders = await passes({ seed: 4, shuffleBuffer: 8 })
    for (const order of orders)
      assert.deepEqual(
        [...order].sort((x, y) => x - y),
        numbers(55),
      )
    assert.notDeepEqual(orders[0], orders[1])
    assert.notDeepEqual(orders[1], orders[2])
    assert.deepEqual(await passes({ seed: 4, shuffleBuffer: 8 }), orders)
    assert.notDeepEqual(await passes({ seed: 5, shuffleBuffer: 8 }), orders)
    // The files change places too.
    assert.equal(
      new Set(
        await Promise.all(numbers(8).map(async seed => texts(await take(streamFiles(files, { seed }), 1))[0]! < 30)),
      ).size,
      2,
    )
    assert.deepEqual(await passes({ shuffleBuffer: 1 }), [numbers(55), numbers(55), numbers(55)])
    // And they do so from pass to pass.
    const several = streamFiles(
      numbers(4).map(i => write(`several-${i}.jsonl`, jsonl([3 * i, 3 * i + 1, 3 * i + 2]))),
      { shuffleBuffer: 2 },
    )
    const firsts = new Set<number>()
    for (const _ of numbers(12)) firsts.add(Math.floor(texts(await all(several))[0]! / 3))
    assert.ok(firsts.size > 1)
  })

  it('draw no row more than a buffer before its turn, and all orders alike where it holds all', async () => {
    const file = write('c.jsonl', jsonl(numbers(100)))
    const order = texts(await all(streamFiles(file, { shuffleBuffer: 7 })))
    for (const [turn, row] of order.entries()) assert.ok(row < turn + 7)
    const three = streamFiles(write('d.jsonl', jsonl(numbers(3))), { shuffleBuffer: 3 })
    const seen = new Map<string, number>()
    for (let pass = 0; pass < 300; pass++) {
      const key = texts(await all(three)).join('')
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
    assert.equal(seen.size, 6)
    // Five standard deviations of a binomial count around 50.
    for (const count of seen.values()) assert.ok(Math.abs(count - 50) < 33, String(count))
  })

  it('know what a buffer holds without reading a row', () => {
    const mixing = { seed: 1, pass: 2, size: 5 }
    assert.deepEqual(replay(mixing, 0).held, [0, 1, 2, 3, 4])
    const { held, next } = replay(mixing, 20)
    assert.equal(next, 25)
    assert.equal(new Set(held).size, 5)
    assert.deepEqual(replay(mixing, 12, 12).held, [])
    assert.equal(replay(mixing, 10, 12).held.length, 2)
    assert.deepEqual(replay(mixing, 0, 3), { ...replay(mixing, 0, 3), held: [0, 1, 2], next: 3 })
  })

  const csv = `id,text,label\r\n${numbers(23)
    .map(i => `${i},"t${i},\r\n""q""${'é'.repeat(i % 3)}",x\r\n`)
    .join('')}`
  const conll = numbers(23)
    .map(i => `t${i} I-X\n${'w I-X\n'.repeat(i % 4)}\n${i % 5 === 0 ? '-DOCSTART- O\n\n' : ''}`)
    .join('')
  const formats: readonly [string, Task, () => string][] = [
    [
      'jsonl with empty lines',
      'text-classification',
      () => write('r.jsonl', `\ufeff${jsonl(numbers(23)).replaceAll('\n', '\n\n')}`),
    ],
    ['packed jsonl', 'text-classification', () => write('r.jsonl.gz', gzipSync(jsonl(numbers(23))))],
    ['csv with line ends in quotes', 'text-classification', () => write('r.csv', csv)],
    [
      'tsv without a last line end',
      'text-classification',
      () =>
        write(
          'r.tsv',
          `text\tlabel\n${numbers(23)
            .map(i => `"t${i}\tx`)
            .join('\n')}`,
        ),
    ],
    [
      'prompts',
      'text-generation',
      () =>
        write(
          'g.jsonl',
          numbers(23)
            .map(i => `{"prompt":"p${i}","completion":"c"}\n`)
            .join(''),
        ),
    ],
    ['conll', 'token-classification', () => write('r.conll', conll)],
    ['parquet', 'text-classification', () => join(root, 'test/golden/dataset_files/snappy-1.parquet')],
    ['a saved data set', 'token-classification', () => join(root, 'test/golden/dataset_files/tokens')],
  ]
  for (const [name, task, make] of formats) {
    it(`go on where they were: ${name}`, async () => {
      const file = make()
      const loaded = await loadFile(file, { task })
      assert.deepEqual(await all(streamFiles(file, { task, shuffleBuffer: 1 })), loaded)
      for (const shuffleBuffer of [1, 4, 30]) {
        const options = { task, shuffleBuffer, seed: 3 }
        const whole = streamFiles(file, options)
        const wanted = [...(await all(whole)), ...(await all(whole))]
        assert.equal(wanted.length, 2 * loaded.length)
        const step = loaded.length > 5 ? 6 : 1
        const counts = numbers(loaded.length + 1).filter(count => count % step === 0 || count === loaded.length - 1)
        for (const count of counts) {
          const first = streamFiles(file, options)
          const taken = await take(first, count)
          const text = JSON.stringify(first.state())
          const state = JSON.parse(text) as ReturnType<typeof first.state>
          const resumed = streamFiles(file, { ...options, state })
          const rest = [...(await all(resumed)), ...(await all(resumed))]
          assert.deepEqual(
            [...taken, ...rest].slice(0, wanted.length),
            wanted,
            `buffer ${shuffleBuffer}, after ${count}`,
          )
          assert.equal(JSON.stringify(state), text) // it is the caller's
          // And again, after a second stop.
          const second = streamFiles(file, { ...options, state })
          const more = await take(second, 3)
          const third = streamFiles(file, { ...options, state: second.state() })
          assert.deepEqual(
            [...taken, ...more, ...(await all(third)), ...(await all(third))].slice(0, wanted.length),
            wanted,
          )
          // The stream that was broken off goes on itself, too.
          assert.deepEqual([...taken, ...(await all(first))], wanted.slice(0, Math.max(loaded.length, taken.length)))
        }
      }
    })
  }

  it('go on by place: what was read before is not read again', async () => {
    const rows = jsonl(numbers(4000))
    const file = write('place.jsonl', rows)
    const stream = streamFiles(file, { shuffleBuffer: 10 })
    const taken = await take(stream, 2000)
    const state = stream.state()
    const wanted = await all(stream)
    assert.ok(state.place!.row > 1000 && state.place!.offset > 10_000)
    writeFileSync(file, 'x'.repeat(state.place!.offset) + rows.slice(state.place!.offset))
    const rest = await all(streamFiles(file, { shuffleBuffer: 10, state }))
    assert.deepEqual(rest, wanted)
    assert.deepEqual(
      [...texts(taken), ...texts(rest)].sort((x, y) => x - y),
      numbers(4000),
    )
    // What is packed is unpacked again, in many pieces, and passed over.
    const packed = write('place.jsonl.gz', gzipSync(rows))
    const whole = streamFiles(packed, { shuffleBuffer: 10 })
    assert.equal((await take(whole, 3500)).length, 3500)
    const packedState = whole.state()
    assert.deepEqual(await all(streamFiles(packed, { shuffleBuffer: 10, state: packedState })), await all(whole))
    // The header of csv is the one thing that is still needed.
    const header = ' text ,label\n'
    const table = `${header}${numbers(100)
      .map(i => `t${i},x\n`)
      .join('')}`
    const second = write('place.csv', table)
    const lines = streamFiles(second, { shuffleBuffer: 1 })
    await take(lines, 50)
    const at = lines.state().place!
    writeFileSync(second, `${header}${'z'.repeat(at.offset - header.length)}${table.slice(at.offset)}`)
    assert.deepEqual(
      texts(await all(streamFiles(second, { shuffleBuffer: 1, state: lines.state() }))),
      numbers(100).slice(50),
    )
  })

  it('read no further than they have to', async () => {
    const file = write('late.jsonl', `${jsonl(numbers(5000))}{"text":""}\n`)
    const stream = streamFiles(file, { shuffleBuffer: 10 })
    assert.equal((await take(stream, 4900)).length, 4900)
    await assert.rejects(all(stream), { message: /late\.jsonl:5001: expected/ })
  })

  it('close their file when they are left, and end at a signal', async () => {
    const file = write('left.jsonl', jsonl(numbers(20_000)))
    const opened = () =>
      readdirSync('/proc/self/fd').filter(fd => {
        try {
          return readlinkSync(join('/proc/self/fd', fd)) === file
        } catch {
          return false // the folder's own, closed by now
        }
      }).length
    for await (const _ of streamFiles(file, { shuffleBuffer: 1 })) {
      assert.equal(opened(), 1)
      break
    }
    for (let wait = 0; wait < 200 && opened() > 0; wait++) await setTimeout(5)
    assert.equal(opened(), 0)
    const controller = new AbortController()
    const stream = streamFiles(file, { shuffleBuffer: 1, signal: controller.signal })
    let given = 0
    await assert.rejects(
      async () => {
        for await (const _ of stream) if (++given === 3) controller.abort()
      },
      { name: 'AbortError' },
    )
    assert.equal(given, 3)
  })

  it('know their files by name and size, a folder by its name, and have a seed and a buffer of their own', () => {
    const file = write('known.jsonl', jsonl([1]))
    const { files, seed, shuffleBuffer } = streamFiles(file).state()
    assert.deepEqual([files, seed, shuffleBuffer], [[{ name: 'known.jsonl', bytes: jsonl([1]).length }], 0, 10_000])
    const saved = join(root, 'test/golden/dataset_files/tokens')
    assert.deepEqual(streamFiles(saved, { task: 'token-classification' }).state().files, [{ name: 'tokens', bytes: 0 }])
  })

  it('leave bad rows out with a warning each where that is asked for, and resume past them', async () => {
    const file = write('bad.jsonl', `${jsonl([0, 1])}{"text":" ","label":"x"}\n${jsonl([2, 3])}nonsense\n${jsonl([4])}`)
    const run = (state?: ReturnType<ExampleStream<unknown>['state']>) => {
      const warnings: string[] = []
      const stream = streamFiles(file, {
        malformed: 'skip',
        shuffleBuffer: 3,
        state,
        onWarning: text => warnings.push(text),
      })
      return { stream, warnings }
    }
    const { stream, warnings } = run()
    const order = texts(await all(stream))
    assert.deepEqual([...order].sort(), numbers(5))
    assert.equal(warnings.length, 2)
    assert.ok(warnings.every(warning => warning.endsWith('[skipped]')))
    for (const count of numbers(6)) {
      const first = run()
      const taken = texts(await take(first.stream, count))
      const second = run(first.stream.state())
      assert.deepEqual([...taken, ...texts(await all(second.stream))].slice(0, 5), order)
    }
    await assert.rejects(all(streamFiles(file)), { code: 'DATA_EMPTY_TEXT', message: /bad\.jsonl:3: / })
  })

  it('go on past a bad row as a whole pass does, where the first row that is read again is bad', async () => {
    const sentence = (i: number) => `w${i} B-X\nv O\n\n`
    const ragged = 'w2 NN B-X\nv O\n\n'
    const tokens = write('ragged.conll', `${[0, 1].map(sentence).join('')}${ragged}${[3, 4, 5].map(sentence).join('')}`)
    const options = { task: 'token-classification', malformed: 'skip', shuffleBuffer: 1 } as const
    const first = streamFiles(tokens, options)
    await take(first, 2)
    const rest = await all(streamFiles(tokens, { ...options, state: first.state() }))
    assert.deepEqual(
      rest.map(({ tokens: [word] }) => word),
      ['w3', 'w4', 'w5'],
    )
    const unlike = write(
      'unlike.jsonl',
      `nonsense\n${jsonl([0, 1])}{"text":"t2"}\n{"text":"t9","pair":"p","label":"x"}\n${jsonl([3, 4])}`,
    )
    for (const count of [2, 3, 4]) {
      const stream = streamFiles(unlike, { malformed: 'skip', shuffleBuffer: 1 })
      const begun = texts(await take(stream, count))
      const state = stream.state()
      const others = await all(streamFiles(unlike, { malformed: 'skip', shuffleBuffer: 1, state }))
      assert.deepEqual([...begun, ...texts(others)].slice(0, 4), [0, 1, 3, 4])
    }
    // The head of a file may hold comments and marks of documents before its first token.
    const tabs = write(
      'ragged.conllu',
      `# id = 1\n\n-DOCSTART-\n\n###MEDLINE:1\n\na\tO\n\n# a b\tO\n${'b\tO\n\n'.repeat(2)}`,
    )
    const second = streamFiles(tabs, options)
    const whole = await all(streamFiles(tabs, options))
    const taken = await take(second, 1)
    assert.deepEqual([...taken, ...(await all(streamFiles(tabs, { ...options, state: second.state() })))], whole)
  })

  it('refuse files without one row that can be read, also where bad rows are left out and after a stop', async () => {
    const file = write('only-bad.jsonl', '{"text":"","label":"x"}\n{"text":" ","label":"x"}\n')
    const message = /only-bad\.jsonl: expected rows with data, got none/
    const warnings: string[] = []
    const stream = streamFiles(file, { malformed: 'skip', onWarning: warning => warnings.push(warning) })
    await assert.rejects(all(stream), { name: 'DataError', code: 'DATA_EMPTY', message })
    assert.equal(warnings.length, 2)
    await assert.rejects(all(stream), { code: 'DATA_EMPTY' })
    await assert.rejects(all(streamFiles(file, { malformed: 'skip', state: stream.state() })), { code: 'DATA_EMPTY' })
    // Only bad rows are left, but the pass gave one.
    const mixed = write('one-good.jsonl', `${jsonl([0])}{"text":"","label":"x"}\n`)
    const options = { malformed: 'skip', shuffleBuffer: 1 } as const
    const begun = streamFiles(mixed, options)
    await take(begun, 1)
    assert.deepEqual(await all(streamFiles(mixed, { ...options, state: begun.state() })), [])
    assert.deepEqual(texts(await all(begun)), [])
    assert.deepEqual(texts(await all(begun)), [0])
  })

  it('refuse a state of rows that were read otherwise', async () => {
    const file = write('otherwise.jsonl', jsonl(numbers(5)))
    const given = { shuffleBuffer: 2, textColumn: 'text', labels: ['x', 'y'], malformed: 'skip' } as const
    const stream = streamFiles(file, given)
    await take(stream, 2)
    const state = JSON.parse(JSON.stringify(stream.state())) as ReturnType<typeof stream.state>
    const others: readonly [StreamOptions, RegExp][] = [
      [{ textColumn: 'label' }, /expected the textColumn of its state \("text"\), got "label"/],
      [{ textColumn: undefined }, /expected the textColumn of its state \("text"\), got none/],
      [{ labelColumn: 'text' }, /expected the labelColumn of its state \(none given\), got "text"/],
      [{ pairColumn: null }, /expected the pairColumn/],
      [{ columns: ['text', 'label'] }, /expected the columns/],
      [{ format: 'csv' }, /expected the format/],
      [{ labels: ['y', 'x'] }, /expected the labels/],
      [{ problemType: 'multi-label' }, /expected the problemType/],
      [{ malformed: 'error' }, /expected the malformed of its state \("skip"\), got none/],
      [{ scheme: 'bio2' }, /expected the scheme/],
    ]
    for (const [other, message] of others)
      assert.throws(() => streamFiles(file, { ...given, ...other, state }), { code: 'DATA_STREAM_STATE', message })
    // What would hold anyway may be said or not.
    const same = { ...given, problemType: 'single-label', invalidTags: 'repair', labelSeparator: ',' } as const
    assert.equal((await all(streamFiles(file, { ...same, state }))).length, 3)
  })

  it('keep the scheme of tags that the first sentences told', async () => {
    const file = write('scheme.conll', `${'a I-X\nb I-X\n\n'.repeat(1200)}c B-X\n\n`)
    const strict = { task: 'token-classification', shuffleBuffer: 1, invalidTags: 'error' } as const
    const stream = streamFiles(file, strict)
    // What is left would be told to be BIO2.
    await take(stream, 1199)
    assert.equal(stream.state().scheme, 'iob1')
    await assert.rejects(all(streamFiles(file, { ...strict, state: stream.state() })), {
      code: 'DATA_TAG_ORDER',
      message: /scheme iob1, got B-X after the start/,
    })
  })

  it('refuse a state of other files or settings, and what is no setting', async () => {
    const file = write('s.jsonl', jsonl(numbers(5)))
    const stream = streamFiles(file, { shuffleBuffer: 2 })
    await take(stream, 2)
    const state = stream.state()
    const refuse = (files: string | string[], options: StreamOptions, message: RegExp) =>
      assert.throws(() => streamFiles(files, { state, ...options }), {
        name: 'DataError',
        code: 'DATA_STREAM_STATE',
        message,
      })
    refuse(file, { shuffleBuffer: 3 }, /expected the shuffleBuffer of its state \(2\), got 3/)
    refuse(file, { shuffleBuffer: 2, seed: 1 }, /expected the seed/)
    refuse([file, file], { shuffleBuffer: 2 }, /expected the files/)
    refuse(file, { shuffleBuffer: 2, state: { ...state, version: 2 as 1 } }, /expected the version/)
    assert.throws(() => streamFiles(file, { shuffleBuffer: 2, task: 'token-classification', state } as never), {
      message: /expected the task/,
    })
    writeFileSync(file, readFileSync(file, 'utf8') + jsonl([5]))
    refuse(file, { shuffleBuffer: 2 }, /expected the files of its state .*; begin anew or give the same/)
    for (const shuffleBuffer of [0, 1.5, Number.NaN])
      assert.throws(() => streamFiles(file, { shuffleBuffer }), { name: 'ArgumentError', code: 'DATA_STREAM' })
    assert.throws(() => streamFiles([]), { code: 'DATA_STREAM' })
    assert.throws(() => streamFiles(path('none.jsonl')), { code: 'FILE_UNREADABLE' })
    await assert.rejects(all(streamFiles(write('e.jsonl', '\n'))), { code: 'DATA_EMPTY' })
    const twice = streamFiles(file)
    const iterator = twice[Symbol.asyncIterator]()
    await iterator.next()
    await assert.rejects(all(twice), { code: 'DATA_STREAM', message: /one iteration at a time/ })
    await iterator.return?.()
    assert.equal((await all(twice)).length, 5)
    const stopped = streamFiles(file, { signal: AbortSignal.abort() })
    await assert.rejects(all(stopped), { name: 'AbortError' })
  })
})
