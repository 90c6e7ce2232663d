import { Command, Option } from 'commander'
import { conclude } from './outcome.ts'
import { runSetup } from './setup.ts'

type Flags = { device?: 'auto' | 'cpu' | 'cuda'; torch?: string; verbose?: boolean; json?: boolean }

/** `setup`: what `runSetup` does. */
export function setupCommand(): Command {
  return new Command('setup')
    .description('Finds or fetches libtorch, builds the addon, fetches what the demo needs; does only what is missing')
    .addOption(new Option('--device <device>', 'which libtorch').choices(['auto', 'cpu', 'cuda']).default('auto'))
    .option('--torch <version>', 'a libtorch release, such as 2.13.0, remembered for later runs')
    .option('--verbose', "show the compiler's lines")
    .option('--json', 'print one JSON object on stdout')
    .action((flags: Flags) =>
      conclude('setup', flags.json === true, async () => {
        const { device, torch, verbose } = flags
        return runSetup({ ...(device && { device }), ...(torch && { torch }), ...(verbose && { verbose }) })
      }),
    )
}
