import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aside, assertDiskSpace, folderBytes, makeOnce } from '../../../lib/setup/cache.ts'
import { cacheRoot } from '../../../lib/setup/locate.ts'
import { isAlive, processIdentity, withLock } from '../../../lib/setup/lock.ts'
import { silent } from '../../../lib/setup/progress.ts'
import { inScratch, write } from './surroundings.ts'

const holder = fileURLToPath(new URL('holder.js', import.meta.url))

function start(
  target: string,
  milliseconds: number,
): { child: ChildProcess; said: () => string; until: (word: string) => Promise<void> } {
  const child = spawn(process.execPath, [holder, target, String(milliseconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
  })
  const until = async (word: string) => {
    while (!text.includes(word)) await once(child.stdout ?? child, 'data')
  }
  return { child, said: () => text, until }
}

describe('setup/cache', () => {
  it('makes a folder once, whole', async () => {
    await inScratch(async () => {
      const target = join(cacheRoot(), 'kind', 'one')
      const fill = async (folder: string) => writeFileSync(join(folder, 'file'), 'text')
      assert.equal(await makeOnce(target, silent, fill), true)
      assert.equal(await makeOnce(target, silent, fill), false)
      assert.deepEqual(readdirSync(target), ['file'])
      assert.deepEqual(readdirSync(join(cacheRoot(), 'tmp')), [])
      assert.deepEqual(readdirSync(join(cacheRoot(), 'locks')), [])
    })
  })

  it('leaves nothing behind when filling fails', async () => {
    await inScratch(async () => {
      const target = join(cacheRoot(), 'kind', 'one')
      const fail = async (folder: string) => {
        writeFileSync(join(folder, 'half'), '')
        throw new Error('no network')
      }
      await assert.rejects(makeOnce(target, silent, fail), /no network/)
      assert.ok(!existsSync(target))
      assert.deepEqual(readdirSync(join(cacheRoot(), 'tmp')), [])
      assert.equal(await makeOnce(target, silent, async () => {}), true)
    })
  })

  it('lets one of several processes work and the others wait', async () => {
    await inScratch(async () => {
      const target = join(cacheRoot(), 'kind', 'one')
      const processes = [start(target, 300), start(target, 300), start(target, 300)]
      await Promise.all(processes.map(({ child }) => once(child, 'close')))
      assert.deepEqual(processes.map(({ said }) => said()).sort(), ['filling\nmade\n', 'found\n', 'found\n'])
      assert.deepEqual(readdirSync(target).sort(), ['half', 'whole'])
    })
  })

  it('takes over from a process that was killed in the middle, and sweeps its leftovers', async () => {
    await inScratch(async () => {
      const target = join(cacheRoot(), 'kind', 'one')
      const killed = start(target, 60_000)
      await killed.until('filling')
      killed.child.kill('SIGKILL')
      await once(killed.child, 'close')
      assert.ok(!existsSync(target))
      assert.equal(readdirSync(join(cacheRoot(), 'tmp')).length, 1)

      const second = start(target, 0)
      await once(second.child, 'close')
      assert.equal(second.said(), 'filling\nmade\n')
      assert.deepEqual(readdirSync(target).sort(), ['half', 'whole'])
      assert.deepEqual(readdirSync(join(cacheRoot(), 'tmp')), [])
    })
  })

  it('tells once that it waits', async () => {
    await inScratch(async () => {
      let waits = 0
      const order: string[] = []
      const first = withLock('name', async () => {
        await new Promise(done => setTimeout(done, 500))
        order.push('first')
      })
      const second = withLock(
        'name',
        async () => void order.push('second'),
        () => waits++,
      )
      await Promise.all([first, second])
      assert.deepEqual(order, ['first', 'second'])
      assert.equal(waits, 1)
    })
  })

  it('knows a dead process from a live one, also where its id is used again', () => {
    const [machine, pid, started] = processIdentity().split('_')
    const now = Date.now()
    assert.ok(isAlive(processIdentity(), 0))
    assert.ok(!isAlive(`${machine}_${pid}_${Number(started) + 1}`, now))
    assert.ok(!isAlive(`${machine}_4194305_1`, now))
    assert.ok(isAlive('elsewhere_1_1', now))
    assert.ok(!isAlive('elsewhere_1_1', now - 3_600_000))
  })

  it('keeps the folders of live processes when it sweeps', async () => {
    await inScratch(async () => {
      const parent = join(cacheRoot(), 'tmp')
      for (const name of [`${processIdentity()}_abc`, 'not-ours', 'elsewhere_1_1_abc'])
        mkdirSync(join(parent, name), { recursive: true })
      await aside(async () => {})
      assert.deepEqual(readdirSync(parent).sort(), ['elsewhere_1_1_abc', 'not-ours', `${processIdentity()}_abc`].sort())
    })
  })

  it('says in a sentence that the disk is too small or the cache cannot be written', async () => {
    await inScratch(async folder => {
      assert.throws(() => assertDiskSpace(1e18, 'everything'), {
        code: 'DISK_FULL',
        message: /expected 1000000000\.0 GB free for everything, got .* BIDORA_TORCH_CACHE/,
      })
      write(join(folder, 'file'), '')
      process.env.BIDORA_TORCH_CACHE = join(folder, 'file', 'cache')
      await assert.rejects(
        makeOnce(join(cacheRoot(), 'kind', 'one'), silent, async () => {}),
        {
          code: 'CACHE_NOT_WRITABLE',
          message: /expected to write .*, got ENOTDIR; make the folder writable, or name another cache/,
        },
      )
    })
  })

  it('measures folders', async () => {
    await inScratch(folder => {
      write(join(folder, 'a', 'b', 'file'), '12345')
      write(join(folder, 'file'), '123')
      assert.equal(folderBytes(folder), 8)
    })
  })
})
