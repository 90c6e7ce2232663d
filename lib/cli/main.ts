#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { ConfigError } from '../errors.ts'
import { packageVersion } from '../setup/locate.ts'
import { analyzeCommand } from './analyze.ts'
import { compareCommand } from './compare.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor-command.ts'
import { evaluateCommand } from './evaluate.ts'
import { mergeCommand } from './merge.ts'
import { EXIT, tell } from './outcome.ts'
import { predictCommand } from './predict.ts'
import { setupCommand } from './setup-command.ts'
import { trainCommand } from './train.ts'

const examples = `
Examples:
  bidora-torch setup
  bidora-torch demo
  bidora-torch train --model ./all-MiniLM-L6-v2 --train train.jsonl --validation dev.jsonl --output run
  bidora-torch predict --model run < texts.txt`

/** The command line: one subcommand a file. */
function program(): Command {
  const root = new Command('bidora-torch')
    .description('Fine-tunes pretrained transformers inside Node with BiDoRA, LoRA and DoRA.')
    .version(packageVersion())
    .addHelpText('after', examples)
  const commands = [
    setupCommand(),
    doctorCommand(),
    demoCommand(),
    trainCommand(),
    evaluateCommand(),
    predictCommand(),
    mergeCommand(),
    analyzeCommand(),
    compareCommand(),
    laterCommand(
      'report',
      'report.html of a run',
      'report: the HTML report of a run comes in a later version; run/results.json and run/metrics.jsonl hold its numbers.',
    ),
  ]
  for (const command of commands) root.addCommand(command)
  for (const command of [root, ...commands]) command.exitOverride().showHelpAfterError(helpHint(command, root))
  return root
}

function helpHint(command: Command, root: Command): string {
  const path = command === root ? '' : ` ${command.name()}`
  return `(bidora-torch${path} --help lists what there is)`
}

/** A command that is known but not there yet is refused by a sentence, whatever it is given. */
function laterCommand(name: string, what: string, sentence: string): Command {
  return new Command(name)
    .description(`${what} (comes in a later version)`)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw new ConfigError('NOT_YET', sentence, { command: name })
    })
}

/** A reader that has what it wanted (`| head`) is no fault of anyone. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.success)
  throw error
}

async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes('--json')
  const name = argv.find(argument => !argument.startsWith('-')) ?? ''
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endQuietly)
  // A fault anywhere, in a callback too, ends in a sentence.
  process.on('uncaughtException', error => process.exit(tell(name, json, error)))
  try {
    if (argv.length === 0) {
      program().outputHelp({ error: true })
      process.exitCode = EXIT.usage
      return
    }
    await program().parseAsync([...argv], { from: 'user' })
  } catch (error) {
    const asked = error instanceof CommanderError && error.exitCode === 0
    process.exitCode = asked ? EXIT.success : tell(name, json, error)
  }
}

main(process.argv.slice(2))
