import { SetupError } from '../../lib/errors.ts'
import { loadNative } from '../../lib/native.ts'
import { op, signatureAt } from '../../lib/ops/bound.ts'
import { generateSource } from '../../lib/ops/generate.ts'
import { table } from '../../lib/ops/table.ts'

/** What the child process of ops-versions.test.ts says of the libtorch that its environment names. */
export type Answer = { missing: string } | { version: string; wrong: string[]; source: string }

/** Binds every row of the table and writes the functions that this libtorch's schemas give. */
function ask(): Answer {
  try {
    loadNative()
  } catch (error) {
    if (error instanceof SetupError && ['ADDON_MISSING', 'LIBTORCH_UNTESTED'].includes(error.code))
      return { missing: error.message }
    throw error
  }
  const wrong: string[] = []
  const signatures = table.flatMap((row, index) => {
    try {
      op(index)
      return [signatureAt(index)]
    } catch (error) {
      wrong.push(`${row.name}: ${(error as Error).message}`)
      return []
    }
  })
  return { version: loadNative().libtorch.version, wrong, source: generateSource(signatures) }
}

console.log(JSON.stringify(ask()))
