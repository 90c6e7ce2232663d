import { once } from 'node:events'
import { Command, Option } from 'commander'
import { BiDoRA } from '../bidora.ts'
import { fileFormats } from '../data/file-rows.ts'
import { addColumnFlags, type ColumnFlags, columnOptions } from './column-flags.ts'
import { addLoadFlags, type LoadFlags, loadOptions } from './load-flags.ts'
import { conclude } from './outcome.ts'
import { type InputFormat, readInputs } from './predict-inputs.ts'

type Flags = LoadFlags & ColumnFlags & { format: InputFormat; json?: boolean }

/** `predict`: one line of JSON for each text that comes in. */
export function predictCommand(): Command {
  const formats = new Option('--format <format>', 'how the input is read').choices(['auto', 'text', ...fileFormats])
  const command = new Command('predict')
    .description('Predicts for each text of a file or of stdin: JSON Lines on stdout, in order, as they are ready')
    .argument('[file]', '.txt (a text a line), .jsonl, .csv, .tsv, .conll (also with .gz), .parquet; - is stdin', '-')
    .addOption(formats.default('auto'))
    .option('--json', 'errors as a JSON object on stdout too (predictions are JSON Lines either way)')
    .action((file: string, flags: Flags) => conclude('predict', flags.json === true, () => predict(file, flags)))
  return addLoadFlags(addColumnFlags(command, false))
}

async function predict(file: string, flags: Flags): Promise<undefined> {
  await using model = await BiDoRA.load(flags.model, loadOptions(flags))
  let cut = 0
  const { task } = model.info
  for await (const prediction of model.predictStream(
    readInputs(file, flags.format, { ...columnOptions(flags), task }),
  )) {
    if (prediction.truncated) cut++
    // A reader that is slower than the model is waited for, so that memory stays bounded.
    if (!process.stdout.write(`${JSON.stringify(prediction)}\n`)) await once(process.stdout, 'drain')
  }
  if (cut > 0)
    process.stderr.write(`bidora-torch predict: ${cut} texts were longer than the model reads and were cut\n`)
}
