import { noGrad } from '../autograd/index.ts'
import { AbortError, BidoraError } from '../errors.ts'
import * as ops from '../ops/index.ts'
import { scope, type Tensor } from '../tensor/index.ts'
import type { Settings } from './config.ts'
import type { NamedParameter } from './level.ts'
import { RunLog } from './log.ts'
import type { LossWindow } from './loss-window.ts'
import { peakBytes } from './memory.ts'
import type { Learner, PhasePlan } from './plan.ts'
import { searchCost } from './rounds.ts'
import {
  isOfPhase,
  type RunFiles,
  type RunState,
  restoreState,
  type SavedRun,
  savedState,
  savedTensors,
} from './run-state.ts'
import type { FitHooks, HistoryEntry, Metrics, Phase } from './types.ts'
import { Watch } from './watch.ts'

/** Seconds between two reports of progress that no line of the log causes. */
const REPORT_EVERY = 1

export interface RunOptions {
  readonly settings: Settings
  readonly hooks: FitHooks
  /** Training texts that were cut, for the reports of progress. */
  readonly truncated: number
  /** Scores on the validation examples; left out where there are none. */
  readonly evaluate?: (() => Promise<Metrics>) | undefined
  /** Where the run is written to; left out, nothing is. */
  readonly files?: RunFiles | undefined
}

/** The phase at work. */
interface Active {
  readonly learner: Learner
  readonly plan: PhasePlan
  readonly window: LossWindow
  /** Steps and time at which this process took up the phase. */
  readonly firstStep: number
  readonly startedAt: number
}

/** What surrounds the steps of a training: its log, evaluations, checkpoints, progress, clock, and the way back into it. */
export class Run {
  readonly log: RunLog
  /** Seconds spent in each phase, in this process and those it resumes. */
  readonly seconds: Record<Phase, number> = { search: 0, retrain: 0, train: 0 }
  /** The newest checkpoint that this process has written. */
  lastCheckpoint: string | undefined
  readonly #options: RunOptions
  readonly #watch: Watch
  /** The checkpoint to go on from, until its phase is reached. */
  #saved: SavedRun | undefined
  #active: Active | undefined
  /** Steps of the phases before this one. */
  #stepsBefore = 0
  #clock = performance.now()
  #lineAt = performance.now()
  #reportedAt = performance.now()

  constructor(options: RunOptions) {
    this.#options = options
    this.log = new RunLog(options.files?.metrics)
    this.#watch = new Watch(options.settings, this.log)
    this.#saved = options.files?.saved
    this.log.restart(this.#saved?.state.history ?? [])
  }

  /** Whether the user wants the training to stop. */
  shouldStop(): boolean {
    return this.#options.hooks.shouldStop?.() ?? false
  }

  /** Takes up a phase. Returns the step it stands at: 0, the checkpoint's, or its end where the checkpoint lies beyond. */
  async begin(learner: Learner, plan: PhasePlan, window: LossWindow): Promise<number> {
    const saved = this.#saved
    if (saved && !isOfPhase(saved, plan)) {
      this.#stepsBefore += plan.steps
      return plan.steps
    }
    const step = saved?.state.step ?? 0
    this.#active = { learner, plan, window, firstStep: step, startedAt: performance.now() }
    this.#clock = this.#lineAt = performance.now()
    if (saved) {
      this.#saved = undefined
      copyInto(learner.trainable, saved.tensors)
      restoreState(saved, learner, plan, window)
      Object.assign(this.seconds, saved.state.seconds)
      for (const tensor of saved.tensors.values()) tensor.dispose()
      const { ended, owedFrom } = saved.state
      if (ended || (owedFrom !== undefined && (await this.settle(owedFrom, step)))) return plan.steps
    }
    return step
  }

  /**
   * What is due after the steps from `before` to `step`: a line, an evaluation, a checkpoint, a report, or the end.
   *
   * @returns whether the phase ends here, by its length or because evaluations have not become better for too long
   */
  async settle(before: number, step: number): Promise<boolean> {
    const { learner, plan } = this.#present()
    const { settings, hooks, evaluate } = this.#options
    this.#tick()
    if (hooks.shouldStop?.()) throw this.#stopped(before, step)
    const isDue = (every: number) => every > 0 && Math.floor(step / every) > Math.floor(before / every)
    const isLast = step === plan.steps
    if (plan.settled) await this.#stoppable(before, step, () => plan.settled!(before, step, isLast))
    if (isLast) this.#checkParameters(step)
    const isFinal = isLast && plan.laterSteps === 0
    const isWatched = evaluate !== undefined && this.#watch.isOn(plan)
    const isEvaluated = isDue(settings.evalEvery) || isFinal || (isLast && isWatched)
    const evaluation = isEvaluated ? await this.#evaluate(before, step) : undefined
    const line = isDue(settings.logEvery) || isLast || evaluation ? this.#writeLine(step, evaluation) : undefined
    const isJudged = isWatched && evaluation !== undefined
    const ends = isLast || (isJudged && this.#watch.isOver(plan))
    if (ends && !isLast) this.#checkParameters(step)
    const isBest = isJudged && this.#watch.keepBest(learner, plan, step, ends)
    const checkpoint = isDue(settings.saveEvery) || ends || isBest ? this.#save(step, { ended: ends }) : undefined
    if (line || checkpoint || performance.now() - this.#reportedAt > REPORT_EVERY * 1000)
      this.#report(step, line, checkpoint)
    this.#tick()
    return ends
  }

  /** Ends the phase. */
  end(): void {
    this.#stepsBefore += this.#active?.plan.steps ?? 0
    this.#active = undefined
  }

  #evaluate(before: number, step: number): Promise<Metrics | undefined> {
    return this.#stoppable(before, step, async () => this.#options.evaluate?.())
  }

  /** Work after a step that a stop may cut short: a checkpoint then says that it is still to be done. */
  async #stoppable<T>(before: number, step: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw error instanceof AbortError ? this.#stopped(before, step) : error
    }
  }

  #writeLine(step: number, evaluation: Metrics | undefined): HistoryEntry {
    const { plan, window } = this.#present()
    const { lower, upper } = plan.levels
    const examples = window.takeExamples()
    const seconds = (performance.now() - this.#lineAt) / 1000
    const line: HistoryEntry = {
      phase: plan.phase,
      ...(plan.part > 0 ? { part: plan.part + 1 } : {}),
      step,
      ...window.takeMeans(),
      lowerLearningRate: lower.lastLearningRate,
      ...(upper ? { upperLearningRate: upper.lastLearningRate } : {}),
      examplesPerSecond: seconds > 0 ? examples / seconds : 0,
      ...(evaluation ? { evaluation } : {}),
    }
    this.log.add(line)
    this.#lineAt = performance.now()
    return line
  }

  #report(step: number, line: HistoryEntry | undefined, checkpoint: string | undefined): void {
    const { plan, window, firstStep, startedAt } = this.#present()
    const { hooks, settings, truncated } = this.#options
    this.#reportedAt = performance.now()
    if (!hooks.onProgress) return
    const perStep = (performance.now() - startedAt) / 1000 / Math.max(1, step - firstStep)
    const { lowerLoss, upperLoss, hypergradientNorm } = line ?? window.means()
    const { lower, upper } = plan.levels
    hooks.onProgress({
      phase: plan.phase,
      ...(plan.part > 0 ? { part: plan.part + 1 } : {}),
      step,
      steps: plan.steps,
      lowerLoss,
      upperLoss,
      hypergradientNorm,
      learningRate: lower.lastLearningRate,
      upperLearningRate: upper?.lastLearningRate,
      examplesPerSecond: line?.examplesPerSecond ?? (settings.batchSize * settings.accumulation) / perStep,
      secondsLeft:
        perStep * (plan.steps - step + plan.laterSteps / (plan.phase === 'search' ? searchCost(settings) : 1)),
      peakBytes: peakBytes(lower.parameters[0]!.device),
      evaluation: line?.evaluation,
      truncated,
      checkpoint,
    })
  }

  #save(step: number, extra: Pick<RunState, 'owedFrom' | 'ended'>): string | undefined {
    const { learner, plan, window } = this.#present()
    const { files } = this.#options
    if (!files) return undefined
    this.#checkParameters(step)
    this.#tick()
    const state = savedState({
      learner,
      plan,
      window,
      step,
      ...extra,
      fingerprint: files.fingerprint,
      seconds: this.seconds,
      history: this.log.entries,
    })
    const best = this.#watch.bestStep(plan)
    const path = files.checkpoints.save(this.#stepsBefore + step, state, savedTensors(learner, plan), {
      besides: best === undefined ? [] : [this.#stepsBefore + best],
    })
    this.lastCheckpoint = path
    return path
  }

  #stopped(before: number, step: number): AbortError {
    const checkpoint = this.#save(step, { owedFrom: before })
    const { phase, steps } = this.#present().plan
    const rest = checkpoint
      ? `its checkpoint is ${checkpoint}; go on with resume`
      : 'nothing was saved, as no output was given'
    return new AbortError('STOPPED', `fit: stopped at step ${step} of ${steps} (${phase}); ${rest}`, {
      checkpoint,
      phase,
      step,
    })
  }

  /** A loss tells of a parameter that is no number only at the next step: before a checkpoint and at the end, they are looked at. */
  #checkParameters(step: number): void {
    const { learner, plan, window } = this.#present()
    window.read()
    for (const [name, parameter] of learner.trainable) {
      if (scope(() => ops.all(ops.isfinite(parameter)).item())) continue // sync
      throw new BidoraError(
        'PARAMETER_NOT_FINITE',
        `${plan.phase}, step ${step}: expected finite numbers in ${name}, got others after a step at learning rate ${plan.levels.lower.lastLearningRate}; lower the learning rate or set clip`,
        { name, step, phase: plan.phase },
      )
    }
  }

  #tick(): void {
    const now = performance.now()
    this.seconds[this.#present().plan.phase] += (now - this.#clock) / 1000
    this.#clock = now
  }

  #present(): Active {
    if (!this.#active) throw new BidoraError('NO_PHASE', 'Run: expected a phase at work, got none; begin one first')
    return this.#active
  }
}

function copyInto(parameters: readonly NamedParameter[], tensors: ReadonlyMap<string, Tensor>): void {
  noGrad(() => {
    for (const [name, parameter] of parameters) {
      const value = tensors.get(`parameters.${name}`)
      if (value) ops.copy_(parameter, value)
    }
  })
}
