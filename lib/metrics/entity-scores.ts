import { ArgumentError } from '../errors.ts'
import { checkPairs } from './check.ts'
import { type Counts, ratio, total } from './counts.ts'
import { type Entity, entitiesOf, type TagScheme } from './entities.ts'

/** Scores of entities: rates from 0 to 1, and how many entities the references hold. */
export interface EntityRates {
  precision: number
  recall: number
  f1: number
  support: number
}

/** What `entityScores` gives. */
export interface EntityScores {
  /** Share of tokens with the right tag, `O` included. */
  accuracy: number
  /** All types together: what conlleval prints first. */
  micro: EntityRates
  /** Mean over types; NaN where there are no entities at all, as in seqeval. */
  macro: EntityRates
  /** Mean over types by their entities in the references. */
  weighted: EntityRates
  /** Each type that occurs on either side, by name; `_` for tags without a type. */
  types: Record<string, EntityRates>
}

const nothing: EntityRates = { precision: 0, recall: 0, f1: 0, support: 0 }

/** How tags are read. */
export interface EntityScoreOptions {
  /** Read strictly by this scheme (seqeval's strict mode); as conlleval does where it is left out (its default mode). */
  scheme?: TagScheme | undefined
}

/**
 * Precision, recall and F1 of entities, equal to seqeval's: an entity is right where type, start and end are. Without a
 * scheme its default mode, which follows conlleval, so that the counts are conlleval's too; with one its strict mode.
 *
 *     precision = right / found, recall = right / in the references, f1 = 2 precision recall / (precision + recall)
 *
 * 0 / 0 is 0, in seqeval as in conlleval.
 *
 * @param predictions - tags of each sentence
 * @param references - tags of each sentence
 * @example entityScores([['B-PER', 'O']], [['B-PER', 'I-PER']]).micro.f1 // 0
 * @throws ArgumentError on lists or sentences of different lengths, no tokens at all, and what is no tag.
 */
export function entityScores(
  predictions: readonly (readonly string[])[],
  references: readonly (readonly string[])[],
  { scheme }: EntityScoreOptions = {},
): EntityScores {
  checkPairs('entityScores', predictions, references)
  const counts = new Map<string, Counts>()
  let [tokens, right] = [0, 0]
  for (const [index, expected] of references.entries()) {
    const predicted = predictions[index]!
    checkSentence(index, predicted, expected)
    tokens += expected.length
    for (const [place, tag] of expected.entries()) if (predicted[place] === tag) right++
    const found = entitiesOf(predicted, { scheme, where: `predictions[${index}]` })
    const there = entitiesOf(expected, { scheme, where: `references[${index}]` })
    count(counts, found, there)
  }
  if (tokens === 0) {
    throw new ArgumentError(
      'METRIC_EMPTY',
      'entityScores: expected at least one token, got none; give tagged sentences',
    )
  }
  const names = [...counts.keys()].sort()
  const types = names.map(name => ratesOf(counts.get(name)!))
  const micro = ratesOf(total([...counts.values()]))
  return {
    accuracy: right / tokens,
    micro,
    macro: meanOf(
      types,
      types.map(() => 1),
    ),
    weighted:
      micro.support === 0
        ? nothing
        : meanOf(
            types,
            types.map(({ support }) => support),
          ),
    types: Object.fromEntries(names.map((name, index) => [name, types[index]!])),
  }
}

function checkSentence(index: number, predicted: readonly string[], expected: readonly string[]): void {
  if (predicted.length === expected.length) return
  throw new ArgumentError(
    'METRIC_LENGTH',
    `entityScores: sentence ${index}: expected as many predicted tags as references, got ${predicted.length} and ` +
      `${expected.length}; pass one tag for each token`,
    { index, predictions: predicted.length, references: expected.length },
  )
}

function count(counts: Map<string, Counts>, found: readonly Entity[], there: readonly Entity[]): void {
  const of = ({ type }: Entity) => {
    const name = type === '' ? '_' : type
    const entry = counts.get(name) ?? { truePositives: 0, falsePositives: 0, falseNegatives: 0 }
    counts.set(name, entry)
    return entry
  }
  const key = ({ type, start, end }: Entity) => `${start} ${end} ${type}`
  const missing = new Set(there.map(key))
  for (const entity of found) of(entity)[missing.delete(key(entity)) ? 'truePositives' : 'falsePositives']++
  for (const entity of there) if (missing.has(key(entity))) of(entity).falseNegatives++
}

function ratesOf({ truePositives, falsePositives, falseNegatives }: Counts): EntityRates {
  const support = truePositives + falseNegatives
  const precision = ratio(truePositives, truePositives + falsePositives)
  const recall = ratio(truePositives, support)
  return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support }
}

/** Mean of rates with these weights; `support` is the sum. */
function meanOf(types: readonly EntityRates[], weights: readonly number[]): EntityRates {
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  const support = types.reduce((sum, rates) => sum + rates.support, 0)
  const mean = (name: 'precision' | 'recall' | 'f1') =>
    types.reduce((sum, rates, index) => sum + weights[index]! * rates[name], 0) / all
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1'), support }
}
