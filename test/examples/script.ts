import { fileURLToPath } from 'node:url'

// What the examples need to be scripts; not part of what they show.

/** Whether a module is what `node` was called with. */
export function isScript(url: string): boolean {
  return process.argv[1] === fileURLToPath(url)
}

/** Prints the mean of every field over the runs, and its least and largest value. */
export function printMeans(title: string, runs: readonly object[]): void {
  console.log(`${title}, ${runs.length} seeds\n`)
  for (const [name, mean] of Object.entries(means(runs) as Record<string, number>)) {
    const values = runs.map(run => (run as Record<string, number>)[name]!)
    const spread = `${format(Math.min(...values))} to ${format(Math.max(...values))}`
    console.log(`  ${name.padEnd(16)} ${format(mean).padStart(8)}   ${spread}`)
  }
}

/** The mean of every field over the runs. */
export function means<Run extends object>(runs: readonly Run[]): Record<keyof Run, number> {
  const names = Object.keys(runs[0]!) as (keyof Run)[]
  const mean = (name: keyof Run) => runs.reduce((total, run) => total + Number(run[name]), 0) / runs.length
  return Object.fromEntries(names.map(name => [name, mean(name)])) as Record<keyof Run, number>
}

function format(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 3 : 1)
}
