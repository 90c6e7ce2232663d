import { ArgumentError } from '../errors.ts'
import { bleu } from './bleu.ts'
import { bleuE2E } from './bleu-e2e.ts'
import { cider } from './cider.ts'
import { nist } from './nist.ts'
import { rougeL } from './rouge-l.ts'
import type { TextReferences } from './text-pairs.ts'

/** Scores of texts against references, by name: to add one, add a line here and its name to `MetricName`. */
const TEXT_METRICS = { bleu, rougeL, bleuE2E, nist, cider }

/** Names of the scores of texts. */
export type TextMetricName = keyof typeof TEXT_METRICS

/** Names that somebody may well ask for and that are not offered, with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  meteor:
    'it needs lists of synonyms and paraphrases, which this library does not have; score the texts with the METEOR program',
}

/**
 * The scores of texts against their references, by contract name, each with its own defaults: `bleu` and `rougeL` from
 * 0 to 1, as sacrebleu and rouge-score have them; `bleuE2E` (0 to 1), `nist` (bits) and `cider` (0 to 10) as the E2E
 * challenge has them. All of them unless some are named.
 *
 * @example
 * textMetrics(['a cheap pub'], [['a cheap pub', 'a pub that is cheap']], ['bleuE2E']) // { bleuE2E: 1 }
 * @throws ArgumentError on lists of different lengths, empty lists, a prediction without a reference, unknown names.
 */
export function textMetrics(
  predictions: readonly string[],
  references: TextReferences,
  names: readonly string[] = Object.keys(TEXT_METRICS),
): Partial<Record<TextMetricName, number>> {
  for (const name of names) checkName(name)
  return Object.fromEntries(
    (names as readonly TextMetricName[]).map(name => [name, TEXT_METRICS[name](predictions, references)]),
  )
}

function checkName(name: string): void {
  if (Object.hasOwn(TEXT_METRICS, name)) return
  const known = Object.keys(TEXT_METRICS).join(', ')
  if (Object.hasOwn(REFUSED, name.toLowerCase())) {
    throw new ArgumentError(
      'METRIC_REFUSED',
      `textMetrics: '${name}' is not offered: ${REFUSED[name.toLowerCase()]}, or take one of ${known}`,
      { name },
    )
  }
  throw new ArgumentError('METRIC_UNKNOWN', `textMetrics: there is no metric '${name}'; known are ${known}`, { name })
}
