import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadDataset, loadSpamAssassin } from '../../../lib/data/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const sources = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2']

describe('spamassassin', () => {
  const { path, write } = temporaryFolder()
  let corpora = 0

  /** A corpus of twenty mails a folder, four to a class and number alike in their bodies: 0 and 1, 2 and 3 (decoded). */
  function corpus(): string {
    const dir = `corpus-${corpora++}/spamassassin`
    for (const source of sources) {
      for (let i = 0; i < 20; i++) {
        const text = i < 2 ? 'the same body' : i < 4 ? 'the same=\n text once decoded' : `body ${i} of ${source}`
        const encoding = i === 3 ? '7bit' : 'quoted-printable'
        const content = i === 3 ? 'the same text once decoded' : text
        const name = `${String(i).padStart(5, '0')}.${source}.txt`
        write(
          `${dir}/${source}/${name}`,
          `Subject: ${source} ${i}\nX-Label: ${source}\nContent-Transfer-Encoding: ${encoding}\n\n${content}\n${'\n'.repeat(i % 2)}`,
        )
      }
    }
    return path(dir)
  }

  it('leaves out equal bodies, the later ones, and splits the rest by class', async () => {
    const { train, validation, test, info } = await loadSpamAssassin(corpus(), { mails: 100, testSize: 20 })
    // Bodies 0 and 1 are one in all folders (9 left out), 2 and 3 one each (4 each).
    assert.equal(train!.length + test!.length, 100 - 9 - 4 - 4)
    assert.equal(validation, undefined)
    assert.equal(test!.length, 20)
    assert.equal(test!.filter(example => example.label === 'spam').length, 8)
    assert.deepEqual(info.labels, ['ham', 'spam'])
    assert.match(info.notes[0]!, /^100 mails, 17 left out/)
  })

  it('gives subject and body and no other header', async () => {
    const { train } = await loadSpamAssassin(corpus(), { mails: 100, testSize: 20 })
    const [first] = train!.filter(example => example.text.startsWith('spam-2 7'))
    if (first) assert.deepEqual(first, { text: 'spam-2 7\nbody 7 of spam-2', label: 'spam' })
    for (const example of train!) assert.doesNotMatch(example.text, /X-Label|Content-/)
  })

  it('has no test mail whose decoded body is in training', async () => {
    const { train, test } = await loadSpamAssassin(corpus(), { mails: 100, testSize: 80 })
    const bodies = new Set(train!.map(example => example.text.slice(example.text.indexOf('\n'))))
    assert.ok(test!.every(example => !bodies.has(example.text.slice(example.text.indexOf('\n')))))
    assert.equal(train!.filter(example => example.text.includes('the same text once decoded')).length, 2)
  })

  it('is the same each time, parsed or from what was kept', async () => {
    const folder = corpus()
    const first = await loadSpamAssassin(folder, { mails: 100, testSize: 20 })
    const kept = readdirSync(folder).filter(name => name.endsWith('.jsonl'))
    assert.equal(kept.length, 1)
    assert.deepEqual(await loadSpamAssassin(folder, { mails: 100, testSize: 20 }), first)
    const other = await loadSpamAssassin(corpus(), { mails: 100, testSize: 20 })
    assert.deepEqual([other.train, other.test], [first.train, first.test])
    const labels = first.train!.map(example => example.label)
    assert.ok(labels.indexOf('spam') < labels.lastIndexOf('ham'), 'the order is mixed')
  })

  it('does not believe what was kept where it is damaged or of other mails', async () => {
    const folder = corpus()
    const first = await loadSpamAssassin(folder, { mails: 100, testSize: 20 })
    const kept = `${folder}/${readdirSync(folder).find(name => name.endsWith('.jsonl'))}`
    const content = readFileSync(kept, 'utf8')
    for (const damaged of [
      content.slice(0, -20),
      content.replace('body 7', 'BODY 7'),
      '',
      '{}\n',
      content.replace(/"key":"../, '"key":"zz'),
    ]) {
      writeFileSync(kept, damaged)
      assert.deepEqual((await loadSpamAssassin(folder, { mails: 100, testSize: 20 })).train, first.train)
      assert.equal(readFileSync(kept, 'utf8'), content, 'mended')
    }
  })

  it('needs no write permission', async function () {
    if (process.getuid?.() === 0) this.skip() // root may write anywhere
    const folder = corpus()
    chmodSync(folder, 0o555)
    try {
      assert.equal((await loadSpamAssassin(folder, { mails: 100, testSize: 20 })).test!.length, 20)
      assert.ok(!existsSync(`${folder}/parsed-v1.jsonl`))
    } finally {
      chmodSync(folder, 0o755)
    }
  })

  it('is refused where it is not whole, naming what to do', async () => {
    const folder = corpus()
    await assert.rejects(loadSpamAssassin(folder), {
      name: 'DataError',
      code: 'DATA_CORPUS',
      message: /expected 6046 mails in easy-ham-1, .*, got 100; fetch the corpus again with npx bidora-torch setup/,
    })
    await assert.rejects(loadDataset('spamassassin', path('corpus-0')), { code: 'DATA_CORPUS' })
    await assert.rejects(loadDataset('spamassassin', path()), { code: 'DATA_FOLDER' })
  })
})
