import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DoctorReport, examine } from '../setup/doctor.ts'

/**
 * Prints what is installed, found and built, and tries a tensor and a backward pass in a child process. The exit status
 * is 1 where tensors do not work.
 *
 * @param options.json leaves the printing to the caller.
 */
export async function runDoctor(options: { json?: boolean } = {}): Promise<DoctorReport> {
  const own = fileURLToPath(import.meta.url)
  const report = await examine(join(own, '..', `doctor-probe${extname(own)}`))
  if (options.json !== true) process.stdout.write(formatReport(report))
  if (!report.ok) process.exitCode = 1
  return report
}

/** The findings as a table, then one line of advice for each fault. */
export function formatReport(report: DoctorReport): string {
  const width = Math.max(...report.findings.map(finding => finding.name.length))
  const lines = report.findings.map(
    ({ name, value, advice }) => `${advice ? '!' : ' '} ${name.padEnd(width)}  ${value}`,
  )
  const faults = report.findings.flatMap(({ name, advice }) =>
    advice ? [`! ${advice.startsWith(`${name}:`) ? '' : `${name}: `}${advice}`] : [],
  )
  const verdict = report.ok ? 'bidora-torch works here' : 'bidora-torch does not work here yet'
  return [...lines, '', ...faults, verdict, ''].join('\n')
}
