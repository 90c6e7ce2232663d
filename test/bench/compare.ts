// node dist/test/bench/compare.js OLD NEW: what became faster or slower from one result to another. Each is a file of
// `npm run bench`, or names lines of results/bench.jsonl by the beginning of a commit, a run or a date.
import { pathToFileURL } from 'node:url'
import { type Entry, entriesOf, lastOfEach } from './results.ts'

export interface Change {
  key: string
  unit: string
  old: Entry
  new: Entry
  /** new / old: of the ratios to the peer where both have one to the same, which a slower machine leaves alone; else of the minima. */
  change: number
  of: 'ratio' | 'minimum'
  /** How far the medians lie above the minima, relative: a change within that is no news. */
  spread: number
  isNews: boolean
}

/** A change below this is none, however quiet the machine was. */
const least = 0.03

/** The rows that both results have, in the order of the new one. */
export function compareEntries(old: readonly Entry[], now: readonly Entry[]): Change[] {
  const before = lastOfEach(old)
  return [...lastOfEach(now)].flatMap(([key, entry]) => {
    const other = before.get(key)
    return other === undefined ? [] : [changeOf(key, other, entry)]
  })
}

function changeOf(key: string, old: Entry, now: Entry): Change {
  const bothHaveRatio = old.ratio !== undefined && now.ratio !== undefined && now.peer !== undefined
  const change = bothHaveRatio ? bestRatio(now) / bestRatio(old) : now.ours.minimum / old.ours.minimum
  const spread = Math.max(least, spreadOf(old, bothHaveRatio), spreadOf(now, bothHaveRatio))
  const isNews = Math.abs(Math.log(change)) > Math.log1p(spread)
  return { key, unit: now.unit ?? 'ms', old, new: now, change, of: bothHaveRatio ? 'ratio' : 'minimum', spread, isNews }
}

/** Of the minima: they suffer least from what else a machine does. */
function bestRatio({ ours, peer }: Entry): number {
  return ours.minimum / peer!.minimum
}

function spreadOf({ ours, peer }: Entry, withPeer: boolean): number {
  const of = ({ minimum, median }: { minimum: number; median: number }) => median / minimum - 1
  return withPeer ? of(ours) + of(peer!) : of(ours)
}

export function renderChanges(changes: readonly Change[]): string {
  const number = (value: number) => Number(value.toPrecision(4)).toString()
  const lines = changes.map(({ key, unit, old, new: now, change, of, spread, isNews }) => {
    const shown = (entry: Entry) => {
      const ratio = of === 'ratio' ? ` (${bestRatio(entry).toFixed(2)})` : ''
      return `${number(entry.ours.minimum)} ${unit}${ratio}`
    }
    const word = isNews ? (change < 1 ? '**less**' : '**more**') : ''
    const cells = [key, shown(old), shown(now), `${change.toFixed(3)} of the ${of}`, spread.toFixed(2), word]
    return `| ${cells.join(' | ')} |`
  })
  const header = [
    '| row | old, minimum | new, minimum | new / old | spread | |',
    '| --- | ---: | ---: | ---: | ---: | --- |',
  ]
  return [...header, ...lines].join('\n')
}

function main([old, now, ...rest]: string[]): void {
  if (old === undefined || now === undefined || rest.length > 0)
    throw new Error('compare: expected two results, got another number; node dist/test/bench/compare.js OLD NEW')
  const changes = compareEntries(entriesOf(old), entriesOf(now))
  if (changes.length === 0) throw new Error(`compare: expected rows that both have, got none in ${old} and ${now}`)
  console.log(renderChanges(changes))
  const news = changes.filter(({ isNews }) => isNews)
  console.log(`\n${news.length} of ${changes.length} rows changed by more than their spread`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2))
