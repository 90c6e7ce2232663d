import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { METHODS } from '../../../lib/train/field.ts'
import { describeSettings } from '../../../lib/train/settings.ts'

const file = resolve('lib/train/SETTINGS.md')

function table(): string {
  const rows = describeSettings().map(({ name, flag, allowed, default: value, doc, methods }) => {
    const readers = methods.length === METHODS.length ? 'all' : methods.join(', ')
    return `| \`${name}\` | \`${flag}\` | ${allowed} | ${value} | ${readers} | ${doc} |`
  })
  const head = ['| setting | flag | accepts | default | methods | |', '|---|---|---|---|---|---|']
  return [
    '# Settings',
    '',
    'Made from `config.ts`; `BIDORA_WRITE=1 npm test` writes it anew.',
    '',
    ...head,
    ...rows,
    '',
  ].join('\n')
}

describe('SETTINGS.md', () => {
  it('is what config.ts says', () => {
    if (process.env.BIDORA_WRITE === '1') writeFileSync(file, table())
    assert.equal(readFileSync(file, 'utf8'), table())
  })
})
