import assert from 'node:assert/strict'
import { table } from '../../lib/ops/table.ts'
import { readGolden } from '../parity/golden.ts'
import { type OpCase, OpsChecker } from '../parity/ops-checker.ts'
import { describeOnDevice, device } from './device.ts'

describeOnDevice('operators', function () {
  this.timeout(300_000)
  let checker: OpsChecker
  before(() => {
    checker = new OpsChecker(readGolden<OpCase>('ops'), device)
  })
  after(() => checker.dispose())

  it('every row of the table gives what PyTorch gives on the CPU: outputs, gradients, second derivatives', () => {
    const { wrong, compared } = checker.checkAll()
    assert.deepEqual(wrong, [])
    assert.ok(compared >= table.length, `only ${compared} samples were compared`)
  })
})
