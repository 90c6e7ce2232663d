import { to } from '../ops/index.ts'
import type { OptimizerState } from '../optim/index.ts'
import { getRngState, setRngState, type Tensor } from '../tensor/index.ts'
import type { StreamState } from './batch-stream.ts'
import type { Checkpoint, CheckpointStore } from './checkpoint.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { LossWindow, WindowState } from './loss-window.ts'
import type { Learner, PhasePlan } from './plan.ts'
import type { PointNumbers } from './points.ts'
import type { HistoryEntry, Phase } from './types.ts'

/** What a checkpoint holds beside tensors. */
export interface RunState {
  readonly fingerprint: Fingerprint
  readonly phase: Phase
  /** Which of several phases of that name, from 0. */
  readonly part: number
  readonly step: number
  /** Where the line, the evaluation and the rest that is due after a step are still to be made: the step they count from. */
  readonly owedFrom?: number | undefined
  /** Whether the phase is over, at whatever step. */
  readonly ended?: boolean | undefined
  readonly seconds: Readonly<Record<Phase, number>>
  readonly history: readonly HistoryEntry[]
  readonly window: WindowState
  readonly levels: Readonly<Record<string, OptimizerState['numbers']>>
  readonly streams: Readonly<Record<string, StreamState>>
  readonly points: PointNumbers
  /** State of the random generators by device, in base 64. */
  readonly random: Readonly<Record<string, string>>
}

export type SavedRun = Checkpoint<RunState>

/** A run's place on disk. */
export interface RunFiles {
  readonly checkpoints: CheckpointStore<RunState>
  readonly fingerprint: Fingerprint
  /** Path of `metrics.jsonl`. */
  readonly metrics: string
  /** The checkpoint to go on from. */
  readonly saved?: SavedRun | undefined
}

interface Snapshot extends Pick<RunState, 'fingerprint' | 'step' | 'owedFrom' | 'ended' | 'seconds' | 'history'> {
  readonly learner: Learner
  readonly plan: PhasePlan
  readonly window: LossWindow
}

/** Everything of a phase that is no tensor. */
export function savedState({ learner, plan, window, ...rest }: Snapshot): RunState {
  const levels = Object.entries(plan.levels).map(([name, level]) => [name, level.state().numbers])
  const streams = Object.entries(plan.streams).map(([name, stream]) => [name, stream.state()])
  const random = devicesOf(plan).map(device => [device, Buffer.from(getRngState(device)).toString('base64')])
  return {
    ...rest,
    phase: plan.phase,
    part: plan.part,
    points: learner.points.numbers(),
    seconds: { ...rest.seconds },
    window: window.state(),
    levels: Object.fromEntries(levels),
    streams: Object.fromEntries(streams),
    random: Object.fromEntries(random),
  }
}

/** Everything that is a tensor: trainable parameters of every level, the points remembered, optimiser states, what the method remembers. */
export function savedTensors(learner: Learner, plan: PhasePlan): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const [name, parameter] of learner.trainable) tensors.set(`parameters.${name}`, parameter)
  for (const [name, value] of learner.points.tensors()) tensors.set(name, value)
  for (const [name, level] of Object.entries(plan.levels)) {
    for (const [key, tensor] of Object.entries(level.state().tensors)) tensors.set(`${name}.${key}`, tensor)
  }
  for (const [key, tensor] of Object.entries(plan.memory?.tensors() ?? {})) tensors.set(`memory.${key}`, tensor)
  return tensors
}

/** Whether a checkpoint was written in this phase. */
export function isOfPhase({ state }: SavedRun, { phase, part }: PhasePlan): boolean {
  return state.phase === phase && state.part === part
}

/** Puts points, optimisers, streams, the loss window and the random generators back to where the checkpoint found them. */
export function restoreState(
  { state, tensors }: SavedRun,
  learner: Learner,
  plan: PhasePlan,
  window: LossWindow,
): void {
  const { device } = plan.levels.lower.parameters[0]!
  learner.points.load(tensors, state.points, device)
  plan.memory?.load(Object.fromEntries(ownOf('memory', tensors)), tensor => to(tensor, { device, copy: true }))
  for (const [name, level] of Object.entries(plan.levels)) {
    level.load({
      tensors: Object.fromEntries(ownOf(name, tensors)),
      numbers: state.levels[name] ?? {},
    })
  }
  for (const [name, stream] of Object.entries(plan.streams)) stream.load(state.streams[name]!)
  window.load(state.window)
  for (const [device, random] of Object.entries(state.random)) setRngState(Buffer.from(random, 'base64'), device)
}

/** What a checkpoint holds under a name, without it. */
function ownOf(name: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  return [...tensors].flatMap(([key, tensor]) =>
    key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), tensor] as [string, Tensor]] : [],
  )
}

function devicesOf(plan: PhasePlan): string[] {
  return [...new Set(['cpu', ...plan.levels.lower.parameters.map(parameter => parameter.device)])]
}
