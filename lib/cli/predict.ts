import { once } from 'node:events'
import { Command, Option } from 'commander'
import { BiDoRA } from '../bidora.ts'
import { addLoadFlags, type LoadFlags, loadOptions } from './load-flags.ts'
import { conclude } from './outcome.ts'
import { type LineFormat, readInputs } from './predict-inputs.ts'

type Flags = LoadFlags & { format: LineFormat; json?: boolean }

/** `predict`: one line of JSON for each line that comes in. */
export function predictCommand(): Command {
  const command = new Command('predict')
    .description('predicts for each line of a file or of stdin; JSON Lines on stdout, in order, as they are ready')
    .argument('[file]', 'file with one text or one JSON object a line; - is stdin', '-')
    .addOption(new Option('--format <format>', 'what a line is').choices(['auto', 'text', 'jsonl']).default('auto'))
    .option('--json', 'errors as a JSON object too (predictions are JSON Lines either way)')
    .action((file: string, flags: Flags) => conclude('predict', flags.json === true, () => predict(file, flags)))
  return addLoadFlags(command)
}

async function predict(file: string, flags: Flags): Promise<undefined> {
  await using model = await BiDoRA.load(flags.model, loadOptions(flags))
  let cut = 0
  for await (const { truncated, ...prediction } of model.predictStream(readInputs(file, flags.format))) {
    if (truncated) cut++
    const line = `${JSON.stringify(truncated ? { ...prediction, truncated } : prediction)}\n`
    // A reader that is slower than the model is waited for, so that memory stays bounded.
    if (!process.stdout.write(line)) await once(process.stdout, 'drain')
  }
  if (cut > 0)
    process.stderr.write(`bidora-torch predict: ${cut} texts were longer than the model reads and were cut\n`)
}
