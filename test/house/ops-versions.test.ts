import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadNative } from '../../lib/native.ts'
import { table } from '../../lib/ops/table.ts'
import { cacheRoot } from '../../lib/setup/locate.ts'
import { defaultTorch } from '../../lib/setup/versions.ts'
import { root } from '../parity/golden.ts'
import type { Answer } from './ops-schemas.ts'

const program = fileURLToPath(new URL('ops-schemas.js', import.meta.url))
const generated = readFileSync(join(root, 'lib/ops/generated.ts'), 'utf8')

describe(`the op table, written for libtorch ${defaultTorch}, fits`, function () {
  this.timeout(120_000)

  it('the libtorch that runs', () => {
    const answer = ask({})
    assert.ok('version' in answer, JSON.stringify(answer))
    assertFits(answer)
  })

  for (const folder of otherSets()) {
    it(basename(dirname(folder)), function () {
      const answer = ask({
        LIBTORCH: folder,
        LIBTORCH_USE_PYTORCH: '',
        BIDORA_TORCH_ADDON: '',
        BIDORA_TORCH_CUDA: '0',
      })
      if ('missing' in answer) {
        console.log(`      skipped: ${answer.missing}`)
        this.skip()
      }
      assertFits(answer)
    })
  }
})

/** Every set in the cache but the one that runs. */
function otherSets(): string[] {
  const sets = join(cacheRoot(), 'libtorch')
  if (!existsSync(sets)) return []
  const running = realpathSync(loadNative().libtorch.root)
  return readdirSync(sets)
    .filter(name => /-(cpu|cuda)$/.test(name))
    .sort()
    .map(name => join(sets, name, 'torch'))
    .filter(folder => existsSync(folder) && realpathSync(folder) !== running)
}

/** A process can load one libtorch only, so each is asked in its own. */
function ask(environment: Record<string, string>): Answer {
  const child = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 26,
  })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout) as Answer
}

/** Names, order, types and defaults of arguments are in the generated code; only the schema's text in a comment may differ. */
function assertFits({ version, wrong, source }: Exclude<Answer, { missing: string }>): void {
  assert.deepEqual(wrong, [], version)
  const [expected, got] = [codeOf(generated), codeOf(source)]
  const differing = expected.filter((line, i) => line !== got[i])
  assert.equal(got.length, expected.length, `${version}: ${differing[0]}`)
  assert.deepEqual(differing, [], version)
  assert.ok(expected.filter(line => line.startsWith('export function')).length === table.length)
}

function codeOf(source: string): string[] {
  return source.split('\n').filter(line => !line.startsWith('/** '))
}
