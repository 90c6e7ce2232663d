import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { loadDataset, requirePart } from '../data/index.ts'
import { ensureDataset, ensureModel } from '../setup/assets.ts'
import { cacheRoot } from '../setup/locate.ts'
import type { Example } from '../train/types.ts'
import { runDemo } from './demo-run.ts'
import { demoPredictions, demoTable, demoUse } from './demo-text.ts'
import { interruptible } from './interrupt.ts'
import { conclude } from './outcome.ts'
import { formatSeconds, type ProgressView, progressView } from './progress.ts'
import { runSetup } from './setup.ts'

type Flags = { output?: string; json?: boolean }

/** So few that all methods are tuned and tested in minutes on two cores. */
const mails = 400

/** `demo`: a mail filter, from nothing to a saved adapter. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Tunes a mail filter on real mails: BiDoRA beside LoRA and the head alone; sets up what is missing')
    .option('--output <dir>', 'folder for the adapter (default: in the cache)')
    .option('--json', 'print one JSON object on stdout')
    .action((flags: Flags) => conclude('demo', flags.json === true, () => demo(flags)))
}

async function demo(flags: Flags): Promise<object> {
  const view = progressView()
  const output = resolve(flags.output ?? join(writableFolder(), 'mail-filter'))
  const { base, train, test } = await prepare(view)
  const interrupt = interruptible(view.note)
  const began = performance.now()
  try {
    const { rows, predictions } = await runDemo({ base, train, test, output, view, signal: interrupt.signal })
    const seconds = (performance.now() - began) / 1000
    if (!flags.json) {
      const title = `${train.length} mails to train on, ${test.length} to test; ${formatSeconds(seconds)} in all`
      process.stdout.write(
        `\n${[title, demoTable(rows), demoPredictions(predictions), demoUse(output)].join('\n\n')}\n`,
      )
    }
    return { rows, predictions, seconds, output }
  } finally {
    view.end()
    interrupt.release()
  }
}

/** Whatever is missing is fetched and built; what is there costs a second. */
async function prepare(view: ProgressView): Promise<{ base: string; train: Example[]; test: Example[] }> {
  const progress = { line: view.note }
  await runSetup({ progress })
  const base = await ensureModel(progress)
  const dataset = await loadDataset('spamassassin', dirname(await ensureDataset('spamassassin', progress)))
  for (const note of dataset.info.notes) view.note(`demo: ${note}`)
  // Both parts are in a random order that is always the same, so that their first mails are a fair sample.
  const [train, test] = [requirePart(dataset, 'train').slice(0, mails), requirePart(dataset, 'test').slice(0, mails)]
  return { base, train, test }
}

/** The cache, or the system's temporary folder where the cache may only be read. */
function writableFolder(): string {
  try {
    accessSync(cacheRoot(), constants.W_OK)
    return join(cacheRoot(), 'demo')
  } catch {
    return join(tmpdir(), 'bidora-torch-demo')
  }
}
