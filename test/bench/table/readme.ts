// node dist/test/bench/table/readme.js [FILE]: puts the table of the committed results between the marks of README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderTable, replaceTable } from './markdown.ts'
import { root } from './plan.ts'
import { readResults, resultsFile } from './results.ts'

const readme = process.argv[2] ?? join(root, 'README.md')
const table = renderTable(readResults(resultsFile))
console.log(table)
writeFileSync(readme, replaceTable(readFileSync(readme, 'utf8'), table))
