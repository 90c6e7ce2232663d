import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inScratch, write } from './surroundings.ts'

/** Runs a copy of bootstrap.mjs in a package made up for the test. */
function bootstrap(root: string, ...args: string[]) {
  mkdirSync(join(root, 'lib', 'setup'), { recursive: true })
  cpSync('lib/setup/bootstrap.mjs', join(root, 'lib', 'setup', 'bootstrap.mjs'))
  return spawnSync(process.execPath, [join(root, 'lib', 'setup', 'bootstrap.mjs'), ...args], { encoding: 'utf8' })
}

/** A checkout with a compiler that only counts how often it ran. */
function checkout(root: string, options: { locked?: string; compiles?: boolean } = {}): void {
  const lock = (version: string) => JSON.stringify({ packages: { '': {}, 'node_modules/typescript': { version } } })
  write(join(root, 'package.json'), '{}')
  write(join(root, 'package-lock.json'), lock(options.locked ?? '1.0.0'))
  write(join(root, 'test', 'tsconfig.json'), '{}')
  write(join(root, 'lib', 'a.ts'), '')
  write(join(root, 'node_modules', '.package-lock.json'), lock('1.0.0'))
  write(join(root, 'node_modules', 'typescript', 'package.json'), JSON.stringify({ bin: { tsc: 'tsc.cjs' } }))
  const tsc = [
    "const fs = require('fs')",
    "fs.mkdirSync('dist/lib/cli', { recursive: true })",
    "fs.appendFileSync('dist/compiled', 'x')",
    "fs.writeFileSync('dist/lib/cli/main.js', 'console.log(process.argv.slice(2).join(\" \"))')",
    `process.exitCode = ${options.compiles === false ? 1 : 0}`,
  ]
  write(join(root, 'node_modules', 'typescript', 'tsc.cjs'), tsc.join('\n'))
}

describe('setup/bootstrap', () => {
  it('refuses an unknown verb with the list of those it knows', async () => {
    await inScratch(root => {
      for (const args of [['toast'], []]) {
        const run = bootstrap(root, ...args)
        assert.equal(run.status, 2)
        assert.match(run.stderr, /expected one of demo, setup, test, .*, got (toast|nothing)/)
      }
    })
  })

  it('compiles once, again after a change, and passes arguments on', async () => {
    await inScratch(root => {
      checkout(root)
      const first = bootstrap(root, 'setup', '--device', 'cpu')
      assert.equal(first.stdout, 'setup --device cpu\n', first.stderr)
      assert.match(first.stderr, /compiling TypeScript/)
      assert.doesNotMatch(bootstrap(root, 'setup').stderr, /compiling/)
      writeFileSync(join(root, 'lib', 'a.ts'), 'changed')
      assert.match(bootstrap(root, 'setup').stderr, /compiling TypeScript/)
    })
  })

  it('stops at type errors, and tries again the next time', async () => {
    await inScratch(root => {
      checkout(root, { compiles: false })
      for (let i = 0; i < 2; i++) {
        const run = bootstrap(root, 'test')
        assert.equal(run.status, 1)
        assert.match(run.stderr, /TypeScript found errors/)
        assert.equal(run.stdout.trim().split('\n').at(-1), '0 passed, 1 failed')
      }
    })
  })

  it('installs the packages when they do not fit the lock file', async () => {
    await inScratch(root => {
      checkout(root, { locked: '2.0.0' })
      write(join(root, 'bin', 'npm'), '')
      const path = process.env.PATH
      process.env.PATH = join(root, 'bin') // an npm that cannot be run: the failure is what shows that it was asked
      try {
        const run = bootstrap(root, 'setup')
        assert.equal(run.status, 1)
        assert.match(run.stderr, /installing the npm packages/)
        assert.match(run.stderr, /npm ci failed/)
      } finally {
        process.env.PATH = path
      }
    })
  })

  it('takes away outputs whose source is gone', async () => {
    await inScratch(root => {
      checkout(root)
      for (const name of ['gone.js', 'gone.d.ts', 'a.js']) write(join(root, 'dist', 'lib', name), '')
      bootstrap(root, 'setup')
      const left = spawnSync('ls', [join(root, 'dist', 'lib')], { encoding: 'utf8' }).stdout
      assert.equal(left, 'a.js\ncli\n')
    })
  })
})
