import assert from 'node:assert/strict'
import { table } from '../../lib/ops/table.ts'
import { type Golden, readGolden } from './golden.ts'
import { type OpCase, OpsChecker } from './ops-checker.ts'

describe('operators against PyTorch', function () {
  this.timeout(120_000)
  let golden: Golden<OpCase>
  let checker: OpsChecker
  before(() => {
    golden = readGolden<OpCase>('ops')
    checker = new OpsChecker(golden)
  })
  after(() => checker.dispose())

  it('every row of the table has a sample', () => {
    const seen = new Set(golden.cases.map(c => c.op))
    assert.deepEqual(
      table.filter(row => !seen.has(`aten::${row.op}`)).map(row => row.name),
      [],
    )
  })

  it('outputs, gradients and second derivatives agree', () => {
    const { wrong, compared } = checker.checkAll()
    assert.deepEqual(wrong, [])
    assert.ok(compared >= table.length, `only ${compared} samples were compared`)
  })
})
