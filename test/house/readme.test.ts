import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isTableCurrent } from '../bench/table/markdown.ts'
import { readResults, resultsFile } from '../bench/table/results.ts'
import { root } from '../parity/golden.ts'

const pages = ['README.md', ...['lib', 'native', 'test'].flatMap(folder => findPages(folder))]

function findPages(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return names.filter(name => name.endsWith('README.md')).map(name => join(folder, name))
}

describe('the READMEs', function () {
  this.timeout(120_000)

  it('hold TypeScript that compiles against the package', () => {
    // Inside the package, so that its own name resolves through its exports.
    const folder = join(root, 'dist/readme-check')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    let count = 0
    for (const page of pages) {
      for (const [, code] of readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)) {
        writeFileSync(join(folder, `block-${count++}.ts`), `// ${page}\n${code}\nexport {}\n`)
      }
    }
    assert.ok(count >= 2, `only ${count} blocks were found`)
    const options = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      noEmit: true,
      types: ['node'],
      lib: ['es2023', 'esnext.disposable'],
      skipLibCheck: true,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })

  it('link to what exists', () => {
    let count = 0
    for (const page of pages) {
      for (const [, target] of readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target as string)) continue
        count++
        assert.ok(existsSync(join(root, dirname(page), target as string)), `${page} links to ${target}`)
      }
    }
    assert.ok(count > 15)
  })

  it('show the table of the committed results', () => {
    const current = isTableCurrent(readFileSync(join(root, 'README.md'), 'utf8'), readResults(resultsFile))
    assert.ok(current, 'README.md: run `node dist/test/bench/table/readme.js`')
  })
})
