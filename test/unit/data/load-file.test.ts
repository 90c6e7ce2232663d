import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import type { LoadFileOptions } from '../../../lib/data/index.ts'
import { formatOf, loadFile, readInputs, streamFiles } from '../../../lib/data/index.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

describe('a file of the user', () => {
  const { write } = temporaryFolder()
  const load = (name: string, content: string | Uint8Array, options?: LoadFileOptions) =>
    loadFile(write(name, content), options)
  const inputs = (name: string, content: string, options?: LoadFileOptions) =>
    all(readInputs(write(name, content), options))

  describe('is read', () => {
    const wanted = [
      { text: 'a "b", c ', label: 'x' },
      { text: 'd', label: 'y' },
    ]

    it('from jsonl, csv and tsv, gzipped or not, with the same result', async () => {
      assert.deepEqual(
        await load('a.jsonl', '{"text":"a \\"b\\", c ","label":"x"}\n{"label":"y","text":"d"}\n'),
        wanted,
      )
      assert.deepEqual(
        await load('a.ndjson.gz', gzipSync('{"text":"a \\"b\\", c ","label":"x"}\n{"text":"d","label":"y"}')),
        wanted,
      )
      assert.deepEqual(await load('a.csv', '\ufefftext,label\r\n"a ""b"", c ", x \r\nd,y\r\n'), wanted)
      assert.deepEqual(await load('a.TSV', 'text\tlabel\na "b", c \tx\nd\ty\n'), wanted)
      assert.deepEqual(await load('b.tsv', 'text\tlabel\n"a ""b"", c "\tx\nd\ty\n', { quoting: true }), wanted)
      assert.deepEqual(await load('b.csv', 'label;text\nx;"a ""b"", c "\ny;d\n', { delimiter: ';' }), wanted)
      assert.deepEqual(
        await load('data.txt', 'x,"a ""b"", c "\ny,d\n', { format: 'csv', columns: ['label', 'text'] }),
        wanted,
      )
    })

    it('from a stream with a name', async () => {
      async function* bytes() {
        yield Buffer.from('text,label\n')
        yield Buffer.from('d,y\n')
      }
      assert.deepEqual(await loadFile({ name: 'stdin', bytes: bytes() }, { format: 'csv' }), [
        { text: 'd', label: 'y' },
      ])
    })

    it('with its columns found by their usual names', async () => {
      const columns = async (header: string, options?: LoadFileOptions) => {
        const cells = header.split(',').map((name, i) => (/score|rating/.test(name) ? String(i) : name))
        return (await load('c.csv', `${header}\n${cells.join(',')}\n`, options))[0]
      }
      assert.deepEqual(await columns('id,sentence,label'), { text: 'sentence', label: 'label' })
      assert.deepEqual(await columns('Text,Label'), { text: 'Text', label: 'Label' })
      // A column that is named for a text is no label, though it is called one.
      assert.deepEqual(await columns('label,target', { textColumn: 'label' }), { text: 'label', label: 'target' })
      assert.deepEqual(await columns('text,label,target', { pairColumn: 'label' }), {
        text: 'text',
        pair: 'label',
        label: 'target',
      })
      assert.deepEqual(await columns('sentence1,sentence2,gold_label'), {
        text: 'sentence1',
        pair: 'sentence2',
        label: 'gold_label',
      })
      assert.deepEqual(await columns('question1,question2,is_duplicate'), {
        text: 'question1',
        pair: 'question2',
        label: 'is_duplicate',
      })
      assert.deepEqual(await columns('index,question,sentence,label'), {
        text: 'question',
        pair: 'sentence',
        label: 'label',
      })
      assert.deepEqual(await columns('premise,hypothesis,label'), {
        text: 'premise',
        pair: 'hypothesis',
        label: 'label',
      })
      assert.deepEqual(await columns('label,text,pair'), { text: 'text', pair: 'pair', label: 'label' })
      assert.deepEqual(await columns('text,pair,label', { pairColumn: null }), { text: 'text', label: 'label' })
      assert.deepEqual(await columns('text,score,label', { problemType: 'regression' }), { text: 'text', label: 1 })
    })

    it('with named columns', async () => {
      const named = { textColumn: 'Q', pairColumn: 'A', labelColumn: 'ok?' }
      assert.deepEqual(await load('n.csv', 'ok?,Q,A,text\n1,a,b,c\n', named), [{ text: 'a', pair: 'b', label: '1' }])
      assert.deepEqual(await load('n2.csv', 'text,body,label\na,b,x\n', { textColumn: 'body' }), [
        { text: 'b', label: 'x' },
      ])
    })

    it('with scores', async () => {
      const content = 'text,score\na,4.75\nb, -1e-3 \nc,.5\nd,+2\n'
      const examples = await load('s.csv', content, { problemType: 'regression' })
      assert.deepEqual(
        examples.map(example => example.label),
        [4.75, -0.001, 0.5, 2],
      )
      assert.deepEqual(await load('s.jsonl', '{"text":"a","score":3}', { problemType: 'regression' }), [
        { text: 'a', label: 3 },
      ])
    })

    it('with several labels a row', async () => {
      const multi = { problemType: 'multi-label' } as const
      assert.deepEqual(await load('m.csv', 'text,labels\na,"x, y"\nb,\n', multi), [
        { text: 'a', label: ['x', 'y'] },
        { text: 'b', label: [] },
      ])
      assert.deepEqual(await load('m.tsv', 'text\tlabels\na\tx|y\n', { ...multi, labelSeparator: '|' }), [
        { text: 'a', label: ['x', 'y'] },
      ])
      assert.deepEqual(await load('m.jsonl', '{"text":"a","labels":["x"]}', multi), [{ text: 'a', label: ['x'] }])
    })

    it('with true and false as labels of jsonl', async () => {
      assert.deepEqual(await load('t.jsonl', '{"text":"a","label":true}'), [{ text: 'a', label: 'true' }])
    })

    it('leaving out bad rows where that is asked for, with a warning each', async () => {
      const warnings: string[] = []
      const options = { malformed: 'skip', onWarning: (warning: string) => warnings.push(warning) } as const
      const examples = await load(
        'w.jsonl',
        '{"text":"a","label":"x"}\n{"text":" ","label":"x"}\n{\n{"text":"b","label":"y"}\n',
        options,
      )
      assert.deepEqual(
        examples.map(example => example.text),
        ['a', 'b'],
      )
      assert.equal(warnings.length, 2)
      assert.match(warnings[0]!, /w\.jsonl:2: expected 'text' to hold text.* \[skipped\]$/)
      assert.match(warnings[1]!, /w\.jsonl:3: expected a JSON object/)
    })
  })

  describe('is refused', () => {
    const refuse = (
      name: string,
      content: string | Uint8Array,
      options: LoadFileOptions,
      code: string,
      message: RegExp,
    ) => {
      return assert.rejects(load(name, content, options), (error: Error & { code: string }) => {
        assert.equal(error.code, code)
        assert.match(error.message, message)
        return true
      })
    }

    it('with a label that is not in the given list, naming file and line', async () => {
      const labels = ['ham', 'spam']
      await refuse(
        'l.csv',
        'text,label\na,ham\nb,spm\n',
        { labels },
        'DATA_UNKNOWN_LABEL',
        /l\.csv:3: expected one of the labels ham, spam, got 'spm' \(did you mean 'spam'\?\)/,
      )
      await refuse('l.jsonl', '{"text":"a","label":2}', { labels }, 'DATA_UNKNOWN_LABEL', /l\.jsonl:1: .*got '2'/)
      await refuse(
        'l.csv',
        'text,labels\na,"ham,egg"\n',
        { labels, problemType: 'multi-label' },
        'DATA_UNKNOWN_LABEL',
        /:2: .*got 'egg'/,
      )
      assert.equal((await load('l.csv', 'text,label\na,1\n', { labels })).length, 1)
    })

    it('with an empty text, or none', async () => {
      await refuse('e.csv', 'text,label\na,x\n" ",x\n', {}, 'DATA_EMPTY_TEXT', /e\.csv:3: expected 'text' to hold text/)
      await refuse(
        'e.tsv',
        'sentence1\tsentence2\tlabel\na\t\tx\n',
        {},
        'DATA_EMPTY_TEXT',
        /e\.tsv:2: expected 'sentence2' to hold/,
      )
      await refuse(
        'e.jsonl',
        '{"text":3,"label":"x"}',
        {},
        'DATA_TEXT',
        /e\.jsonl:1: expected 'text' to be a string, got a number/,
      )
      await refuse(
        'e.jsonl',
        '{"text":"a","pair":null,"label":"x"}',
        {},
        'DATA_TEXT',
        /'pair' to be a string, got null/,
      )
    })

    it('with NaN, text, nothing or a decimal comma as a score', async () => {
      const regression = { problemType: 'regression' } as const
      for (const cell of ['NaN', 'good', '', 'Infinity', '0x10', '1e999', '1 2']) {
        await refuse(
          's.csv',
          `text,score\na,1\nb,${cell}\n`,
          regression,
          'DATA_SCORE',
          /s\.csv:3: expected a number as score, got "/,
        )
      }
      await refuse('s.csv', 'text,score\na,"1,5"\n', regression, 'DATA_SCORE', /write the decimal point as \./)
      await refuse(
        's.jsonl',
        '{"text":"a","score":"3"}',
        regression,
        'DATA_LABEL',
        /s\.jsonl:1: expected label to be a finite number .*got "3"/,
      )
      await refuse('s.jsonl', '{"text":"a","score":NaN}', regression, 'DATA_JSON', /s\.jsonl:1: /)
    })

    it('with ragged rows', async () => {
      await refuse(
        'r.csv',
        'text,label\na,x\nb\n',
        {},
        'DATA_RAGGED',
        /r\.csv:3: expected 2 fields \(text, label\), got 1 /,
      )
      await refuse('r.tsv', 'text\tlabel\na\tx\ty\n', {}, 'DATA_RAGGED', /r\.tsv:2: .*got 3 /)
      await refuse('r.csv', 'text,label\na,x\n\nb,y\n', {}, 'DATA_RAGGED', /r\.csv:3: .*got 1 /)
    })

    it('with bad JSON, and with up to ten lines named', async () => {
      const lines = Array.from({ length: 15 }, (_, i) => (i % 2 === 0 ? '{"text":' : '{"text":"a","label":"x"}'))
      await assert.rejects(
        load('j.jsonl', lines.join('\n')),
        (error: Error & { details: { line: number; problems: string[] } }) => {
          assert.match(error.message, /j\.jsonl:1: .*mend the line \(also wrong: line 3, 5, 7, 9, 11, 13, 15\)$/)
          assert.equal(error.details.line, 1)
          assert.equal(error.details.problems.length, 8)
          return true
        },
      )
      await refuse(
        'k.jsonl',
        'x\n'.repeat(50),
        {},
        'DATA_JSON',
        /\(also wrong: line 2, 3, 4, 5, 6, 7, 8, 9, 10, \.\.\.\)$/,
      )
    })

    it('without its columns, naming those that are there and the nearest', async () => {
      await refuse(
        'c.csv',
        'txt,label\na,x\n',
        {},
        'DATA_COLUMNS',
        /c\.csv: expected a column text, .*, got txt, label; if 'txt' is meant, name it with textColumn$/,
      )
      await refuse(
        'c.csv',
        'text,lable\na,x\n',
        {},
        'DATA_COLUMNS',
        /expected a column label, .*; if 'lable' is meant, name it with labelColumn$/,
      )
      await refuse(
        'c.csv',
        'text,label\na,x\n',
        { textColumn: 'texts' },
        'DATA_COLUMNS',
        /expected a column texts, got text, label; if 'text' is meant/,
      )
      await refuse(
        'c.csv',
        'text,label\na,x\n',
        { pairColumn: 'zzzz' },
        'DATA_COLUMNS',
        /name the column with pairColumn/,
      )
      await refuse(
        'c.csv',
        'text,label,text\na,x,b\n',
        {},
        'DATA_COLUMNS',
        /:1: expected different column names, got 'text' twice/,
      )
      await refuse(
        'c.csv',
        'text;label\na;x\n',
        {},
        'DATA_DELIMITER',
        /:1: .*got one column "text;label"; give delimiter: ";"/,
      )
      await refuse(
        'c.csv',
        'text\na\n',
        { problemType: 'regression' },
        'DATA_COLUMNS',
        /expected a column score, label/,
      )
    })

    it('without its columns at once, also where bad rows are left out', async () => {
      const rows = 'a,x\n'.repeat(30)
      for (const malformed of ['error', 'skip'] as const) {
        await refuse('c.csv', `txt,label\n${rows}`, { malformed }, 'DATA_COLUMNS', /name it with textColumn$/)
        await refuse(
          'c.jsonl',
          '{"txt":"a","label":"x"}\n'.repeat(9),
          { malformed },
          'DATA_COLUMNS',
          /c\.jsonl:1: .*textColumn$/,
        )
      }
    })

    it('where rows of jsonl differ in what they have', async () => {
      const first = '{"text":"a","label":"x"}\n'
      await refuse(
        'd.jsonl',
        `${first}{"text":"b","pair":"c","label":"x"}\n`,
        {},
        'DATA_COLUMNS',
        /d\.jsonl:2: expected the columns text, label as in the first row, got text, pair, label/,
      )
      await refuse('d.jsonl', `${first}{"text":"b"}\n`, {}, 'DATA_COLUMNS', /d\.jsonl:2: expected a column label/)
      assert.equal((await load('d.jsonl', `${first}{"label":"x","id":3,"text":"b"}\n`)).length, 2)
    })

    it('as binary data, UTF-16 or another encoding, with the line', async () => {
      await refuse('u.csv', Buffer.from('text,label\ncaf\xe9,x\n', 'latin1'), {}, 'DATA_ENCODING', /u\.csv:2: .*0xe9/)
      await refuse('u.csv', Buffer.from('\ufefftext,label\n', 'utf16le'), {}, 'DATA_ENCODING', /u\.csv:1: .*UTF-16/)
      await refuse('u.jsonl', 'PAR1\0\0', {}, 'DATA_ENCODING', /a parquet file/)
    })

    it('where there is nothing in it', async () => {
      for (const [name, content] of [
        ['e.csv', ''],
        ['e.csv', 'text,label\n'],
        ['e.jsonl', '\n\n'],
        ['e.tsv', '\n'],
      ] as const) {
        await refuse(
          name,
          content,
          {},
          name === 'e.tsv' ? 'DATA_EMPTY' : 'DATA_EMPTY',
          /: expected rows with data, got none/,
        )
      }
    })

    it('with options that are unknown, or values that are none of theirs, however it is read', async () => {
      const file = write('o.csv', 'text,label\na,x\n')
      const wrong: readonly [Record<string, unknown>, RegExp][] = [
        [
          { problemType: 'multi' },
          /: expected problemType to be one of single-label, multi-label, regression, got "multi".*; pass one of these$/,
        ],
        [
          { format: 'json' },
          /: expected format to be one of jsonl, csv, .*, arrow, got "json" \(did you mean 'jsonl'\?\)/,
        ],
        [{ format: 3 }, /: expected format to be one of .*, got 3; /],
        [{ malformed: 'drop' }, /: expected malformed to be one of error, skip, got "drop"/],
        [{ invalidTags: 'skip' }, /: expected invalidTags to be one of repair, error, got "skip"/],
        [{ textcolumn: 'text' }, /: expected an option of .*, got 'textcolumn' \(did you mean 'textColumn'\?\)/],
        [{ toString: 'text' }, /got 'toString'/],
      ]
      for (const [options, message] of wrong) {
        const error = { name: 'ConfigError', code: 'DATA_OPTION', message }
        await assert.rejects(loadFile(file, options as LoadFileOptions), error)
        await assert.rejects(all(readInputs(file, options as LoadFileOptions)), error)
        assert.throws(() => streamFiles(file, options as LoadFileOptions), error)
      }
      // An option of streams alone does nothing here.
      await refuse('o.csv', 'text,label\na,x\n', { seed: 1 } as LoadFileOptions, 'DATA_OPTION', /o\.csv: .*got 'seed'/)
      const none = { format: undefined, problemType: undefined, malformed: undefined, textColumn: undefined }
      assert.equal((await load('o.csv', 'text,label\na,x\n', none)).length, 1)
    })

    it('in formats that are unknown', async () => {
      for (const name of ['a.xlsx', 'a', 'a.json'])
        await refuse(name, 'x', {}, 'DATA_FORMAT', /expected a file named \.jsonl, \.csv, \.tsv or \.conll/)
      await refuse('a.csv', 'x', { quoting: false }, 'DATA_QUOTING', /leave quoting on/)
      assert.equal(formatOf('/data.d/train.JSONL.gz'), 'jsonl')
    })
  })

  describe('gives inputs to predict for', () => {
    it('with or without labels, in order', async () => {
      assert.deepEqual(await inputs('i.csv', 'text\na\nb\n'), [{ text: 'a' }, { text: 'b' }])
      assert.deepEqual(await inputs('i.csv', 'text,label\na,x\n'), [{ text: 'a' }])
      assert.deepEqual(await inputs('i.jsonl', '{"text":"a","pair":"b"}\n'), [{ text: 'a', pair: 'b' }])
      assert.deepEqual(await inputs('i.jsonl', ''), [])
    })

    it('up to the first bad row, whose line is named', async () => {
      const seen: string[] = []
      await assert.rejects(
        async () => {
          for await (const input of readInputs(write('p.jsonl', '{"text":"a"}\n{"text":""}\n'))) seen.push(input.text)
        },
        { code: 'DATA_EMPTY_TEXT', message: /p\.jsonl:2: / },
      )
      assert.deepEqual(seen, ['a'])
    })
  })
})
