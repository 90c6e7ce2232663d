import type { TunableModel } from './tunable-model.ts'
import type { FitReport, Metrics } from './types.ts'

const NAMES: Readonly<Record<string, string>> = {
  bidora: 'BiDoRA',
  dora: 'DoRA',
  lora: 'LoRA',
  rslora: 'rsLoRA',
  adalora: 'AdaLoRA',
  vera: 'VeRA',
  fourierft: 'FourierFT',
  full: 'full fine-tuning',
  bitfit: 'BitFit',
  adapter: 'bottleneck adapters',
  head: 'a new head',
}

/** The README of a saved model: what it is, how it was made, how to use it. */
export function modelCard(
  model: TunableModel,
  base: string,
  report: FitReport | undefined,
  kind: 'adapter' | 'merged',
): string {
  const { method, problemType, task } = model.settings
  const { title, autoModel } = model.task
  const labels = model.labels
    ? `Labels: ${model.labels.labels.map(label => `\`${label}\``).join(', ')}.`
    : 'It gives one number for each text.'
  const kindOf = task === 'token-classification' ? '' : ` (${problemType})`
  const intro = `${title}${kindOf}, tuned with ${NAMES[method]} by bidora-torch from \`${base}\`. ${labels}`
  return [
    '---',
    ...(kind === 'adapter' && isPeft(model) ? ['library_name: peft'] : []),
    `base_model: ${JSON.stringify(base)}`,
    `pipeline_tag: ${task}`,
    `tags: [bidora-torch, ${method}]`,
    '---',
    '',
    `# ${NAMES[method]} on ${report?.dataset ?? 'own data'}`,
    '',
    intro,
    ...(report ? ['', ...reportLines(report)] : []),
    '',
    '## Use',
    '',
    '```ts',
    "import { BiDoRA } from 'bidora-torch'",
    '',
    "const model = await BiDoRA.load('.')",
    "const [first] = await model.predict(['a text'])",
    '```',
    ...(kind === 'merged'
      ? ['', `Without bidora-torch: a plain Hugging Face checkpoint, loaded by \`${autoModel}\`.`]
      : []),
    '',
  ].join('\n')
}

/** Whether PEFT can read the adapter. */
function isPeft({ tuning }: TunableModel): boolean {
  return (
    'targetModules' in tuning &&
    !('compat' in tuning && tuning.compat === 'official') &&
    !('magnitudeAxis' in tuning && tuning.magnitudeAxis === 'in')
  )
}

function reportLines({ metrics, parameters, steps, seed, time }: FitReport): string[] {
  const share = ((100 * parameters.trainable) / parameters.total).toFixed(2)
  const trained =
    steps.search > 0 ? `${steps.search} steps of search and ${steps.retrain} of retraining` : `${steps.retrain} steps`
  return [
    `${parameters.trainable} of ${parameters.total} parameters trained (${share} %), ${trained}, ${time.total.toFixed(0)} s, seed ${seed}.`,
    ...(['validation', 'test'] as const).flatMap(part => (metrics[part] ? ['', ...table(part, metrics[part])] : [])),
  ]
}

function table(part: string, metrics: Metrics): string[] {
  const rows = Object.entries(metrics).map(([name, value]) => `| ${name} | ${value.toFixed(4)} |`)
  return [`| ${part} | |`, '|---|---|', ...rows]
}
