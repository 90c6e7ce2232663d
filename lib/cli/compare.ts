import { type Command, Command as Commander, Option } from 'commander'
import { compare } from '../compare.ts'
import { addColumnFlags } from './column-flags.ts'
import { compareView } from './compare-progress.ts'
import { compareRequest } from './compare-request.ts'
import { compareText } from './compare-text.ts'
import { interruptible } from './interrupt.ts'
import { conclude, EXIT } from './outcome.ts'
import { addSettingsFlags } from './settings-flags.ts'

type Flags = Record<string, unknown> & { json?: boolean }

const notes = `
Every run is a process of its own. Finished runs are kept in --output and used again; an interrupted one goes on from its
checkpoint; changed settings or data make anew only the runs they concern. A setting goes to the methods that read it.
compare.json in --output holds every number.

Examples:
  bidora-torch compare --model ./all-MiniLM-L6-v2 --dataset sst2,mrpc --data ./data --methods lora,dora,bidora \\
    --seeds 0,1,2 --epochs 3 --limit-train 1000 --output compared
  bidora-torch compare --model ./all-MiniLM-L6-v2 --train train.jsonl --test test.jsonl --methods bidora \\
    --variant first-order:hypergradient=first-order --variant hot:upper-learning-rate=1e-2 --seeds 0,1,2,3,4 --output compared`

/** `compare`: methods and variants over seeds and data sets, one table, and what of it is more than chance. */
export function compareCommand(): Command {
  const command = new Commander('compare')
    .description('Tunes by several methods over seeds and data sets, and tests the differences')
    .option('--model <dir>', 'folder of the pretrained model, or the hub id of one in a cache')
    .option('--methods <names>', 'methods to compare, as a,b,c; the others are tested against the first')
    .addOption(
      new Option(
        '--variant <name:key=value,...>',
        'a method with settings of its own (method=bidora unless given); repeatable',
      ).argParser((text, before: string[] | undefined) => [...(before ?? []), text]),
    )
    .option('--seeds <numbers>', 'seeds, as 0,1,2; with one there is no test')
    .option('--dataset <names>', 'known data sets, as sst2,mrpc')
    .option('--data <dir>', 'folder that holds one folder a data set (spamassassin is in the cache)')
    .option(
      '--train <file>',
      'training examples of your own: .jsonl, .csv, .tsv (also with .gz), .parquet, or a saved datasets folder',
    )
    .option('--validation <file>', 'examples that are only evaluated')
    .option('--test <file>', 'examples that are evaluated at the end')
    .option('--metric <name>', "what runs are compared by (default: each data set's main score)")
    .option('--score-on <part>', 'validation or test (default: test where there is one)')
    .option('--hold-out <share>', 'score on so much of the training rows instead, held out: for choices')
    .option('--pairs <pairs>', 'what is tested: first, all, or pairs as bidora:lora,bidora:dora (default: first)')
    .option('--output <dir>', 'folder of the results')
    .option('--jobs <number>', 'processes beside each other (default: half of the cores; one where there is a GPU)')
    .option('--threads <number>', 'processor threads of each process (default: cores / jobs)')
    .option('--keep-models', 'keep the tuned models beside the results')
    .option('--config <file>', 'JSON file with any of these options in camelCase; the command line outweighs it')
    .option('--json', 'print the report as one JSON object on stdout')
    .addHelpText('after', notes)
    .action((flags: Flags) => conclude('compare', flags.json === true, () => run(flags)))
  const own = ['method', 'seed', 'resume', 'output', 'threads', 'task'] as const
  return addSettingsFlags(addColumnFlags(command, true), own)
}

async function run(flags: Flags): Promise<object> {
  const request = compareRequest(flags)
  const view = compareView()
  const interrupt = interruptible(view.note)
  try {
    const report = await compare({ ...request, onProgress: view.update, signal: interrupt.signal })
    view.end()
    if (!flags.json) process.stdout.write(compareText(report))
    view.note(`compare: every number is in ${request.output}/compare.json`)
    if (report.failed > 0) {
      view.note(`compare: ${report.failed} of ${report.runs.length} runs failed; the same command tries them again`)
      process.exitCode = EXIT.failure
    }
    return report
  } finally {
    view.end()
    interrupt.release()
  }
}
