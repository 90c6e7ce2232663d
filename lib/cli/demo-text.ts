import type { Metrics } from '../train/types.ts'
import { formatSeconds } from './progress.ts'

/** One line of the demo's table. */
export type DemoRow = { method: string; trainable: number; seconds: number; metrics: Metrics }

/** A mail of the test part and what the filter says. */
export type DemoPrediction = { subject: string; expected: string; label: string; score: number }

const titles: Readonly<Record<string, string>> = { head: 'head alone', lora: 'LoRA', bidora: 'BiDoRA' }

/** Scores of every method side by side. */
export function demoTable(rows: readonly DemoRow[]): string {
  const header = ['method', 'accuracy', 'precision', 'recall', 'trained', 'time']
  const body = rows.map(({ method, metrics, trainable, seconds }) => [
    titles[method] ?? method,
    ...['accuracy', 'precision', 'recall'].map(name => (metrics[name] ?? Number.NaN).toFixed(3)),
    trainable.toLocaleString('en'),
    formatSeconds(seconds),
  ])
  const widths = header.map((title, column) =>
    Math.max(...[header, ...body].map(cells => cells[column]?.length ?? title.length)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  return [line(header), ...body.map(line)].join('\n')
}

/** What the filter says of a few mails. */
export function demoPredictions(predictions: readonly DemoPrediction[]): string {
  const lines = predictions.map(({ subject, expected, label, score }) => {
    const short = subject.length > 48 ? `${subject.slice(0, 45)}...` : subject
    return `  ${short.padEnd(48)}  ${label} (${(score * 100).toFixed(1)} %), is ${expected}`
  })
  return ['Three of the test mails:', ...lines].join('\n')
}

/** The two lines of code that use what was saved. */
export function demoUse(folder: string): string {
  return [
    `The filter is saved in ${folder}. Use it:`,
    '',
    `  const filter = await BiDoRA.load(${JSON.stringify(folder)})   // import { BiDoRA } from 'bidora-torch'`,
    "  const [answer] = await filter.predict(['You have won! Claim your prize now'])",
  ].join('\n')
}
