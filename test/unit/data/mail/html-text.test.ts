import assert from 'node:assert/strict'
import { decodeReferences, htmlToText } from '../../../../lib/data/mail/html-text.ts'

describe('text of HTML', () => {
  it('begins lines at blocks and folds white space', () => {
    assert.equal(htmlToText('<p>One\n two</p><p>three<br>four</p>'), 'One two\n\nthree\nfour')
    assert.equal(htmlToText('<table><tr><td>a</td><td>b</td></tr>\n<tr><td>c</td></tr></table>'), 'a b\n\nc')
    assert.equal(htmlToText('<ul><li>a<li>b</ul>'), 'a\nb')
    assert.equal(htmlToText('a<div><div><div>b</div></div></div>'), 'a\n\nb')
  })

  it('joins words that inline tags and comments cut up', () => {
    assert.equal(htmlToText('V<b></b>iag<!-- x -->ra <FONT size=2>now</FONT>'), 'Viagra now')
  })

  it('drops scripts, styles, titles, comments and declarations', () => {
    const html =
      '<!DOCTYPE html><head><title>T</title><STYLE>p { }</STYLE></head><script>if (a < b) "</p>"</script>' +
      '<!-- <p>hidden</p> -->seen<?xml version="1.0"?>'
    assert.equal(htmlToText(html), 'seen')
  })

  it('decodes references, those of windows-1252 too', () => {
    assert.equal(
      decodeReferences('&lt;b&gt; &amp;amp; &quot;&copy;&eacute;&nbsp;&euro;&hellip;'),
      '<b> &amp; "©é\u00a0€…',
    )
    assert.equal(decodeReferences('&#65;&#x41;&#147;&#8364; &copy2 &uuml'), 'AA“€ &copy2 ü')
    assert.equal(
      decodeReferences('&nothing; & &; &#; &#xfffffff; &#0; &#xd800;'),
      '&nothing; & &; &#; \ufffd \ufffd \ufffd',
    )
    assert.equal(htmlToText('a &lt;p&gt; b'), 'a <p> b')
  })

  it('takes what is no tag for text, and ends at a tag that is never closed', () => {
    assert.equal(htmlToText('1 < 2 <3 > 1'), '1 < 2 <3 > 1')
    assert.equal(htmlToText('text<a href="'), 'text')
    assert.equal(htmlToText('a<'), 'a<')
    assert.equal(htmlToText('click <-- here --> now'), 'click <-- here --> now')
    assert.equal(htmlToText('<!-- never closed <p>text</p>'), 'text')
    assert.equal(htmlToText('<script>never closed <p>text</p>'), 'never closed\ntext')
    assert.equal(htmlToText(''), '')
  })

  it('takes no longer for hostile pages', () => {
    for (const piece of ['<script>', '<!--', '<', '<a ', '&', '< <p', '<style><!--']) {
      const start = performance.now()
      htmlToText(piece.repeat(100_000))
      assert.ok(performance.now() - start < 3000, piece)
    }
  })
})
