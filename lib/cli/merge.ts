import { Command } from 'commander'
import { BiDoRA } from '../bidora.ts'
import { addLoadFlags, type LoadFlags, loadOptions } from './load-flags.ts'
import { conclude } from './outcome.ts'

type Flags = LoadFlags & { output: string; json?: boolean }

/** `merge`: adapter to plain checkpoint. */
export function mergeCommand(): Command {
  const command = new Command('merge')
    .description('Writes a saved adapter as a plain Hugging Face checkpoint, checked against the adapted model')
    .requiredOption('--output <dir>', 'folder to write the checkpoint to')
    .option('--json', 'print one JSON object on stdout')
    .action((flags: Flags) => conclude('merge', flags.json === true, () => merge(flags)))
  return addLoadFlags(command)
}

async function merge(flags: Flags): Promise<object> {
  await using model = await BiDoRA.load(flags.model, loadOptions(flags))
  const report = await model.merge(flags.output)
  if (!flags.json) {
    const error = report.maxRelativeError.toExponential(1)
    process.stdout.write(
      `merged ${report.layers} layers into ${flags.output}; logits of ${report.texts} texts differ by at most ${error} (relative)\n`,
    )
  }
  return { output: flags.output, ...report }
}
