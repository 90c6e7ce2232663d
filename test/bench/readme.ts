// node dist/test/bench/readme.js: puts what the committed results say between the marks of README.md and of
// test/bench/README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../parity/golden.ts'
import { renderLaws } from './curves/laws.ts'
import { readCurves } from './curves/file.ts'
import { renderFigures, renderSplit, renderTargets, replaceBetween } from './markdown.ts'
import { renderQuality } from './quality/report.ts'
import { readQuality } from './quality/results.ts'
import { parseEntries, resultsFile } from './results.ts'

const entries = parseEntries(readFileSync(resultsFile, 'utf8'))
const bench = `${renderTargets(entries)}\n\n${renderFigures(entries)}`
const marks = (name: string) => [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`] as const

const quality = renderQuality(readQuality())
rewrite('README.md', { bench, quality })
rewrite('test/bench/README.md', { bench, split: renderSplit(entries), curves: renderLaws(readCurves()), quality })

function rewrite(name: string, parts: Record<string, string>): void {
  const file = join(root, name)
  const text = Object.entries(parts).reduce(
    (before, [part, content]) => replaceBetween(before, marks(part), content),
    readFileSync(file, 'utf8'),
  )
  writeFileSync(file, text)
}
