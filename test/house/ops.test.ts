import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signatureAt } from '../../lib/ops/bound.ts'
import { generateDocument, generateSource } from '../../lib/ops/generate.ts'
import { table } from '../../lib/ops/table.ts'
import * as torch from '../../lib/torch.ts'
import { root } from '../parity/golden.ts'

describe('the op table', () => {
  it('has distinct names and fits the schemas of this libtorch', () => {
    assert.equal(new Set(table.map(row => row.name)).size, table.length)
    const wrong: string[] = []
    table.forEach((row, index) => {
      try {
        signatureAt(index)
      } catch (error) {
        wrong.push(`${row.name}: ${(error as Error).message}`)
      }
    })
    assert.deepEqual(wrong, [])
    assert.ok(table.length >= 200)
  })

  it('gave the generated files', function () {
    // The text of schemas may differ between versions of libtorch; it is written with the pinned one.
    const pinned = /aten::/.test(readFileSync(join(root, 'lib/ops/generated.ts'), 'utf8'))
    assert.ok(pinned)
    const signatures = table.map((_, index) => signatureAt(index))
    if (!torch.libtorchVersion().startsWith('2.15.')) this.skip()
    assert.equal(readFileSync(join(root, 'lib/ops/generated.ts'), 'utf8'), generateSource(signatures))
    assert.equal(readFileSync(join(root, 'lib/ops/OPS.md'), 'utf8'), generateDocument(signatures))
  })

  it('gives a function for every row, and a method where the first argument is a tensor', () => {
    const functions = torch as unknown as Record<string, unknown>
    for (const row of table) {
      assert.equal(typeof functions[row.name], 'function', row.name)
      if (row.method === false) assert.ok(!(row.name in torch.Tensor.prototype), row.name)
      else assert.ok(row.name in torch.Tensor.prototype, row.name)
    }
  })
})
