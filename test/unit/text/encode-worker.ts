import { parentPort, workerData } from 'node:worker_threads'
import { type TextInput, Tokenizer } from '../../../lib/text/index.ts'

/** Encodes what it was given, as often as it was told, and posts the last result; for the tests of threads. */
async function work({ dir, texts, times }: { dir: string; texts: TextInput[]; times: number }): Promise<void> {
  const tokenizer = await Tokenizer.fromDir(dir)
  for (let i = 1; i < times; i += 1) {
    await tokenizer.encode(texts)
    parentPort?.postMessage(null)
  }
  parentPort?.postMessage(await tokenizer.encode(texts))
}

work(workerData)
