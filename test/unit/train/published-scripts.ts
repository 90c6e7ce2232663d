import type { PRESETS } from '../../../lib/train/presets.ts'

/** The rows of the table of the published scripts in a text: everything between the bars, white space apart. */
export function scriptRows(text: string): string[][] {
  return text
    .split('\n')
    .filter(line => /^\| (base|large) /.test(line))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
}

/** The name of the preset of a row. */
export function presetName([script]: readonly string[]): keyof typeof PRESETS {
  return `roberta-${script!.toLowerCase().replaceAll('-', '').replace(' ', '-')}` as keyof typeof PRESETS
}

const numberOf = (cell: string) => (cell === '-' ? undefined : Number(cell.replaceAll(',', '')))

/** What a row says, by the names of our settings. */
export function settingsOfRow(row: readonly string[]): Record<string, unknown> {
  const [, maxLength, batchSize, lower, upper, decay, upperDecay, search, passed, rate, steps, retrainDecay] = row
  // A decay in brackets is that of the search, which the script falls back on.
  const ownDecay = retrainDecay!.startsWith('(') ? undefined : numberOf(retrainDecay!)
  return {
    maxLength: numberOf(maxLength!),
    batchSize: numberOf(batchSize!),
    lowerLearningRate: numberOf(lower!),
    upperLearningRate: numberOf(upper!),
    weightDecay: numberOf(decay!),
    upperWeightDecay: numberOf(upperDecay!),
    searchSteps: numberOf(search!),
    retrain: passed === 'yes',
    retrainLearningRate: numberOf(rate!),
    retrainSteps: numberOf(steps!),
    retrainWeightDecay: ownDecay,
  }
}
