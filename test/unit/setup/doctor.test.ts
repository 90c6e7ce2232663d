import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatReport, runDoctor } from '../../../lib/cli/doctor.ts'
import { type DoctorReport, examine } from '../../../lib/setup/doctor.ts'
import { cacheRoot } from '../../../lib/setup/locate.ts'
import { fakeLibtorch, inScratch, write } from './surroundings.ts'

const probe = fileURLToPath(new URL('../../../lib/cli/doctor-probe.js', import.meta.url))

function finding(report: DoctorReport, name: string) {
  const found = report.findings.find(one => one.name === name)
  assert.ok(found, `no finding '${name}'`)
  return found
}

describe('setup/doctor', () => {
  it('finds a machine that is set up in order, tensors and a backward pass included', async () => {
    const report = await examine(probe)
    assert.equal(report.ok, true, JSON.stringify(report))
    assert.match(finding(report, 'tensors').value, /a product and its gradient are right on cpu/)
    assert.match(finding(report, 'libtorch').value, /^2\.\d+\.\d+/)
    assert.match(formatReport(report), /bidora-torch works here\n$/)
  })

  it('works with nothing there, says what to do, and writes nothing', async () => {
    await inScratch(async folder => {
      process.env.PATH = join(folder, 'nothing')
      delete process.env.CXX
      const report = await examine(probe)
      assert.equal(report.ok, false)
      assert.match(finding(report, 'libtorch').advice ?? '', /npx bidora-torch setup/)
      for (const tool of ['compiler', 'cmake', 'ninja or make', 'python', 'pip']) {
        assert.match(finding(report, tool).advice ?? '', /apt-get install/, tool)
      }
      assert.match(formatReport(report), /! libtorch: .*\nbidora-torch does not work here yet\n$/s)
      assert.ok(!existsSync(cacheRoot()))
    })
  })

  it('turns a refused libtorch and a missing addon into advice', async () => {
    await inScratch(async folder => {
      process.env.LIBTORCH = fakeLibtorch(join(folder, 'old'), '2.9.0')
      assert.match(finding(await examine(probe), 'libtorch').advice ?? '', /BIDORA_TORCH_ALLOW_UNTESTED=1/)
      process.env.LIBTORCH = fakeLibtorch(join(folder, 'fine'), '2.13.0')
      assert.match(finding(await examine(probe), 'addon').advice ?? '', /npx bidora-torch setup/)
    })
  })

  it('turns a crash of the child process into a message', async () => {
    await inScratch(
      async folder => {
        const crash = join(folder, 'crash.mjs')
        write(crash, "process.kill(process.pid, 'SIGSEGV')\nsetTimeout(() => {}, 10_000)\n")
        const report = await examine(crash)
        assert.equal(report.ok, false)
        assert.match(finding(report, 'tensors').value, /ended by SIGSEGV/)
      },
      { BIDORA_TORCH_CACHE: cacheRoot() },
    )
  })

  it('gives the report and an exit status of 1 where tensors do not work', async () => {
    const before = process.exitCode
    try {
      await inScratch(async () => assert.equal((await runDoctor({ json: true })).ok, false))
      assert.equal(process.exitCode, 1)
    } finally {
      process.exitCode = before
    }
  })
})
