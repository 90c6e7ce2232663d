import assert from 'node:assert/strict'
import { noCounts } from '../../../../lib/data/mail/charset.ts'
import { mailText } from '../../../../lib/data/mail/mail-text.ts'
import { parseMail } from '../../../../lib/data/mail/mime.ts'

function read(mail: string, counts = noCounts()) {
  return mailText(Buffer.from(mail, 'latin1'), counts)
}
const body = (mail: string) => read(mail).body
const subject = (value: string, more = '') => read(`Subject: ${value}\n${more}\nbody`).subject
const parts = (type: string, ...list: string[]) => {
  return `Content-Type: ${type}; boundary="=b?"\n\npreamble\n--=b?\n${list.join('\n--=b?\n')}\n--=b?--\nepilogue\n`
}

describe('a mail', () => {
  it('is its subject and its body, without other headers', () => {
    const mail =
      'From someone Thu Aug 22 12:36:23 2002\nReceived: by here\n\tand there\nSubject: Re:\n  a subject\nX-Spam: yes\n\nLine 1\n\nLine 2\n'
    assert.deepEqual(read(mail), { subject: 'Re: a subject', body: 'Line 1\n\nLine 2' })
    assert.deepEqual(read(mail.replaceAll('\n', '\r\n')), { subject: 'Re: a subject', body: 'Line 1\n\nLine 2' })
  })

  it('may lack subject, body or headers', () => {
    assert.deepEqual(read('From: a\n\ntext'), { subject: '', body: 'text' })
    assert.deepEqual(read('Subject: only'), { subject: 'only', body: '' })
    assert.deepEqual(read('\ntext'), { subject: '', body: 'text' })
    assert.deepEqual(read(''), { subject: '', body: '' })
  })

  it('has its first subject where there are two, whatever its case', () => {
    assert.equal(read('SUBJECT: a\nSubject: b\n\nx').subject, 'a')
  })

  it('is decoded by transfer encoding and charset', () => {
    const head = 'Content-Type: text/plain; charset="iso-8859-15"\nContent-Transfer-Encoding: '
    assert.equal(body(`${head}quoted-printable\n\ncaf=E9 =A4=\n joined=20\n=3D=ZZ=`), 'café € joined \n==ZZ')
    assert.equal(body(`${head}Base64\n\nY2Fm\n6SCk\n`), 'café €')
    assert.equal(body(`${head}8bit\n\ncaf\xe9`), 'café')
    assert.equal(body('Content-Type: text/plain; charset=utf-8 (Unicode)\n\ncaf\xc3\xa9'), 'café')
    assert.equal(body('Content-Type: text/plain charset=us-ascii\n\ntext'), 'text')
  })

  it('keeps the footer that a mailing list puts below base64', () => {
    assert.equal(
      body('Content-Transfer-Encoding: base64\n\ndGV4dA==\n\n_____\nfooter list\n'),
      'text\n\n_____\nfooter list',
    )
    assert.equal(body('Content-Transfer-Encoding: base64\n\ndGV4dA==\nfooter\n'), 'text\nfooter')
  })

  it('takes the plain form where there are two, the other where that is empty', () => {
    const html = 'Content-Type: text/html\n\n<p>rich</p>'
    assert.equal(body(parts('multipart/alternative', 'Content-Type: text/plain\n\nplain', html)), 'plain')
    assert.equal(body(parts('multipart/alternative', html, 'Content-Type: text/plain\n\nplain')), 'plain')
    assert.equal(body(parts('multipart/alternative', 'Content-Type: text/plain\n\n \n', html)), 'rich')
  })

  it('joins its parts and leaves attachments, pictures and copied headers out', () => {
    const mail = parts(
      'multipart/mixed',
      '\nfirst',
      'Content-Type: text/html\n\n<b>second</b>',
      'Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nattached',
      'Content-Type: image/gif\nContent-Transfer-Encoding: base64\n\nR0lG',
      'Content-Type: text/rfc822-headers\n\nX: y',
    )
    assert.equal(body(mail), 'first\n\nsecond')
  })

  it('includes a forwarded mail with its subject', () => {
    const mail = parts(
      'multipart/mixed',
      '\nsee below',
      'Content-Type: message/rfc822\n\nFrom: x\nSubject: inner\n\ninner text',
    )
    assert.equal(body(mail), 'see below\n\ninner\ninner text')
    assert.equal(body(parts('multipart/digest', '\nSubject: one\n\n1', '\nSubject: two\n\n2')), 'one\n1\n\ntwo\n2')
  })

  it('of HTML without a type is told by its start; the charset may stand in the page', () => {
    assert.equal(body('Subject: a\n\n\n<HTML><body>text</body></HTML>'), 'text')
    assert.equal(body('Content-Type: text/html\n\n<meta content="text/html; charset=windows-1251">\xcf\xf0'), 'Пр')
  })

  it('reads nested boundaries of which one begins with the other, and unclosed ones', () => {
    const inner = 'Content-Type: multipart/mixed; boundary=bb\n\n--bb\n\ninner 1\n--bb\n\ninner 2\n--bb--\n'
    const mail = `Content-Type: multipart/mixed; boundary=b\n\n--b\n${inner}\n--b\n\nouter\n--b--`
    assert.equal(body(mail), 'inner 1\n\ninner 2\n\nouter')
    assert.equal(body('Content-Type: multipart/mixed; boundary=b\n\n--b\n\nnever closed'), 'never closed')
    assert.equal(body('Content-Type: multipart/mixed; boundary=b\n\nno boundary'), 'no boundary')
    assert.equal(body('Content-Type: multipart/mixed\n\ntext'), 'text')
  })

  it('survives mails within mails without end', () => {
    const deep = 'Content-Type: message/rfc822\n\n'.repeat(50_000)
    assert.equal(body(deep).trim(), '')
    const nested = Array.from(
      { length: 200 },
      (_, i) => `Content-Type: multipart/mixed; boundary=b${i}.\n\n--b${i}.\n`,
    ).join('')
    assert.ok(parseMail(Buffer.from(nested)).parts.length === 1)
  })
})

describe('a subject', () => {
  it('is decoded from encoded words, spaces between two of them left out', () => {
    assert.equal(subject('=?iso-8859-1?Q?caf=E9_au?= =?ISO-8859-1?q?_lait?='), 'café au lait')
    assert.equal(subject('=?utf-8?B?w6TDtg==?= plain =?utf-8*de?b?w7w=?='), 'äö plain ü')
    assert.equal(subject('=?utf-8?B?4oKs?=\n =?utf-8?B?4oKs?='), '€€')
  })

  it('is whole where a mailer cut a character in two, and where words change state', () => {
    assert.equal(subject('=?utf-8?B?4oI=?= =?utf-8?B?rA==?='), '€')
    assert.equal(subject('=?iso-2022-jp?B?GyRCJDkbKEI=?= =?iso-2022-jp?B?GyRCJVEbKEI=?='), 'すパ')
  })

  it('of bare bytes is decoded by the charset of the mail, else guessed and counted', () => {
    assert.equal(subject('\xb1\xa4\xb0\xed', 'Content-Type: text/plain; charset=euc-kr\n'), '광고')
    const counts = noCounts()
    assert.equal(read('Subject: caf\xe9\n\nplain', counts).subject, 'café')
    assert.equal(counts.undeclared, 1)
  })

  it('keeps what is no encoded word', () => {
    assert.equal(subject('=?x =?utf-8?X?a?= =?utf-8?Q?a'), '=?x =?utf-8?X?a?= =?utf-8?Q?a')
  })
})
