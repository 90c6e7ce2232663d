import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makerHash } from '../parity/golden.ts'

const golden = fileURLToPath(new URL('../../../test/golden', import.meta.url))

describe('golden files', () => {
  for (const name of readdirSync(golden).filter(entry => existsSync(join(golden, entry, 'manifest.json')))) {
    it(`${name}: made by the maker that is committed, and listed in the README`, () => {
      const manifest = JSON.parse(readFileSync(join(golden, name, 'manifest.json'), 'utf8')) as { scriptSha256: string }
      assert.equal(manifest.scriptSha256, makerHash(`${name}.py`), `run python test/golden/make/${name}.py`)
      const table = readFileSync(join(golden, 'README.md'), 'utf8').split('## Common rules')[0]!
      assert.match(table, new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'))
    })
  }
})
