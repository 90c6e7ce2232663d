import { cpus } from 'node:os'
import type { Spread } from '../case.ts'
import type { Sizes } from '../random-model.ts'

export const steps = ['LoRA step', 'faithful round'] as const
export type CurveStep = (typeof steps)[number]

/** One measurement, as it stands in `results/curves.jsonl`. */
export interface CurvePoint {
  axis: string
  step: CurveStep
  /** The size that this axis varies. */
  x: number
  /** Texts a step. */
  examples: number
  /** Of a step, by the clock. */
  milliseconds: Spread
  /** The same of the processor: what other work on the machine disturbs less. */
  cpuMilliseconds: Spread
  /** Of tensors above the model, at the peak of a step. */
  megabytes: number
  machine: Record<string, unknown>
}

/** Everything that a step's cost depends on. */
export interface CurveShape extends Sizes {
  length: number
  batch: number
  threads: number
}

const base: CurveShape = {
  layers: 4,
  hidden: 256,
  heads: 4,
  intermediate: 1024,
  rank: 8,
  length: 64,
  batch: 8,
  threads: 1,
}

export interface Axis {
  name: string
  title: string
  points: readonly number[]
  at(x: number): Partial<CurveShape>
}

export const axes: readonly Axis[] = [
  { name: 'length', title: 'tokens a text', points: [16, 32, 64, 128, 256, 512], at: length => ({ length }) },
  { name: 'batch', title: 'texts a batch', points: [1, 2, 4, 8, 16, 32, 64], at: batch => ({ batch }) },
  { name: 'layers', title: 'layers', points: [1, 2, 4, 6, 8, 12], at: layers => ({ layers }) },
  {
    name: 'hidden',
    title: 'hidden size (heads of 64, feed-forward part of four times that)',
    points: [64, 128, 256, 384, 512, 768],
    at: hidden => ({ hidden, heads: hidden / 64, intermediate: 4 * hidden }),
  },
  { name: 'rank', title: 'rank', points: [4, 8, 16, 32, 64], at: rank => ({ rank }) },
  { name: 'threads', title: 'threads', points: [1, 2], at: threads => ({ threads }) },
]

/** The points of an axis on this machine: threads up to all of its cores. */
export function pointsOf({ name, points }: Axis, cores = cpus().length): number[] {
  if (name !== 'threads') return [...points]
  return [...new Set([...points, cores])].filter(threads => threads <= cores)
}

export function shapeAt(axis: string, x: number): CurveShape {
  return { ...base, ...axes.find(({ name }) => name === axis)!.at(x) }
}

export function pointKey({ axis, step, x }: Pick<CurvePoint, 'axis' | 'step' | 'x'>): string {
  return [axis, step, x].join(' ')
}

/** What a step takes: of one thread its processor's time, of several the clock's. */
export function timeOf({ axis, milliseconds, cpuMilliseconds }: CurvePoint): number {
  return axis === 'threads' ? milliseconds.minimum : Math.min(milliseconds.minimum, cpuMilliseconds.minimum)
}

/** All other sizes, in words. */
export function baseInWords(): string {
  const { layers, hidden, length, batch, rank, threads } = base
  return `${batch} texts of ${length} tokens, ${layers} layers of ${hidden}, rank ${rank}, ${threads} thread`
}
