import { Command } from 'commander'
import { runDoctor } from './doctor.ts'
import { conclude } from './outcome.ts'

/** `doctor`: what `runDoctor` does. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Prints what is installed, found and built, tries a backward pass, and says what to do about each fault',
    )
    .option('--json', 'print one JSON object on stdout')
    .action((flags: { json?: boolean }) =>
      conclude('doctor', flags.json === true, () => runDoctor({ json: flags.json === true })),
    )
}
