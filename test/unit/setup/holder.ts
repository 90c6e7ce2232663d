// A process of its own for the tests of locks: takes a lock or fills a folder of the cache, says so, and stays.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeOnce } from '../../../lib/setup/cache.ts'
import { silent } from '../../../lib/setup/progress.ts'

const [target = '', milliseconds = '0'] = process.argv.slice(2)

makeOnce(target, silent, async folder => {
  writeFileSync(join(folder, 'half'), '')
  console.log('filling')
  await sleep(Number(milliseconds))
  writeFileSync(join(folder, 'whole'), '')
}).then(made => console.log(made ? 'made' : 'found'))
