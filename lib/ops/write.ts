// `npm run ops`: writes generated.ts and OPS.md from the table and the schemas of the libtorch at hand.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signatureAt } from './bound.ts'
import { generateDocument, generateSource } from './generate.ts'
import { table } from './table.ts'

const folder = process.argv[2]
if (folder === undefined) throw new Error('usage: node dist/lib/ops/write.js lib/ops')
const signatures = table.map((_, index) => signatureAt(index))
writeFileSync(join(folder, 'generated.ts'), generateSource(signatures))
writeFileSync(join(folder, 'OPS.md'), generateDocument(signatures))
