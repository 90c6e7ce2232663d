import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type EncodedText, Tokenizer } from '../../../lib/text/index.ts'
import { bpeFolder } from '../../parity/text-golden.ts'

const file = fileURLToPath(new URL('./encode-worker.js', import.meta.url))
const texts = Array.from({ length: 300 }, (_, i) => ({ text: `text ${i} 😀`, pair: 'word '.repeat(i % 30) }))

describe('tokenizers in worker threads', () => {
  it('work several at once, beside one in the main thread', async () => {
    const workers = Array.from(
      { length: 3 },
      () => new Worker(file, { workerData: { dir: bpeFolder, texts, times: 1 } }),
    )
    const [expected, ...results] = await Promise.all([
      Tokenizer.fromDir(bpeFolder).then(tokenizer => tokenizer.encode(texts)),
      ...workers.map(async worker => ((await once(worker, 'message')) as [EncodedText[]])[0]),
    ])
    for (const result of results) assert.deepEqual(result, expected)
    await Promise.all(workers.map(worker => worker.terminate()))
  })

  it('can be terminated in the middle of their work, and the process ends by itself', () => {
    const script = `
      import { Worker } from 'node:worker_threads'
      import { once } from 'node:events'
      const texts = Array.from({ length: 500 }, (_, i) => ({ text: 'word '.repeat(i) }))
      for (let round = 0; round < 2; round += 1) {
        const workers = Array.from({ length: 2 }, () => new Worker(${JSON.stringify(file)}, { execArgv: [], workerData: { dir: ${JSON.stringify(bpeFolder)}, texts, times: 1000 } }))
        await Promise.all(workers.map(worker => once(worker, 'message')))
        await Promise.all(workers.map(worker => worker.terminate()))
      }
      console.log('ended')`
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.deepEqual([status, signal, stdout], [0, null, 'ended\n'], stderr)
  })
})
