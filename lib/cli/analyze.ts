import { Command, Option } from 'commander'
import type { MagnitudeAxis } from '../adapters/index.ts'
import { type Analysis, analyze, type KindFit } from '../analyze/index.ts'
import { conclude } from './outcome.ts'

type Flags = {
  model?: string
  adapter: string
  against?: string
  magnitudeAxis?: MagnitudeAxis
  targetModules?: string
  checkpoints: boolean
  output?: string
  json?: boolean
}

/** `analyze`: how far magnitudes and directions moved, by layer. */
export function analyzeCommand(): Command {
  return new Command('analyze')
    .description(
      "Measures how far a tuned model's layers moved in magnitude and in direction, at each checkpoint there is",
    )
    .requiredOption('--adapter <dir>', "the tuned model: an adapter, a run's --output, a merged or full model")
    .option('--model <dir>', 'folder of the pretrained model (default: the one that the adapter names)')
    .option('--against <dir>', 'measure from this model instead of the pretrained one: any folder that --adapter takes')
    .addOption(
      new Option(
        '--axis, --magnitude-axis <axis>',
        "a magnitude per output or per input (default: the adapter's own, else out)",
      ).choices(['out', 'in']),
    )
    .option('--target-modules <names>', 'only the layers that these names end, separated by commas (default: all)')
    .option('--no-checkpoints', 'leave out the checkpoints of the run')
    .option('--output <dir>', 'folder to write analysis.jsonl, analysis.json and analysis.svg to')
    .option('--json', 'print one JSON object on stdout')
    .action((flags: Flags) => conclude('analyze', flags.json === true, () => run(flags)))
}

async function run({ targetModules, ...flags }: Flags): Promise<object> {
  const names = targetModules?.split(',').map(name => name.trim())
  const analysis = await analyze({ ...flags, targetModules: names })
  if (!flags.json) process.stdout.write(table(analysis))
  return analysis
}

/** A line for each kind of layer. */
function table({ adapter, against, magnitudeAxis, layers, fits, unchanged, files }: Analysis): string {
  const head = ['kind of layer', 'points', 'magnitude', 'direction', 'slope', 'correlation']
  const rows = [head, ...fits.map(row)]
  const widths = head.map((_, column) => Math.max(...rows.map(cells => cells[column]!.length)))
  const lines = rows.map(cells =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  )
  const count = new Set(layers.map(({ layer }) => layer)).size
  const points = new Set(layers.map(({ checkpoint }) => checkpoint)).size
  return [
    `${adapter} from ${against}: ${counted(count, 'layer')} at ${counted(points, 'point')} of the training, a magnitude per ${magnitudeAxis}put`,
    ...(fits.length > 0 ? lines : ['no layer changed']),
    ...(unchanged.length > 0 && fits.length > 0 ? [`unchanged: ${unchanged.join(', ')}`] : []),
    ...Object.values(files ?? {}).map(path => `written to ${path}`),
    '',
  ].join('\n')
}

function row(fit: KindFit): string[] {
  const short = (value: number | null) => (value === null ? '-' : String(Number(value.toPrecision(4))))
  const { kind, points, meanMagnitudeChange, meanDirectionChange, slope, correlation } = fit
  return [kind, ...[points, meanMagnitudeChange, meanDirectionChange, slope, correlation].map(short)]
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
