import { BidoraError } from '../errors.ts'
import type { Tensor } from '../tensor/index.ts'

/** What one step reports: scalars that are still tensors. */
export interface StepLosses {
  readonly lowerLoss: Tensor
  readonly upperLoss?: Tensor
  readonly hypergradientNorm?: Tensor
  /** Whether the series of the hypergradient broke down, if it is made of one. */
  readonly diagnostics?: { readonly breakdown?: unknown }
}

const NAMES = ['lowerLoss', 'upperLoss', 'hypergradientNorm'] as const
type Name = (typeof NAMES)[number]

/** Sums since the last line of the log, as a checkpoint keeps them. */
export type WindowState = { readonly [N in Name]: { readonly sum: number; readonly count: number } } & {
  readonly breakdowns: number
}

/** Means since the last line, and how many hypergradients broke down. */
export type WindowMeans = Partial<Record<Name | 'breakdowns', number>>

/** What an error says about the step whose loss is no number. */
export interface StepContext {
  readonly where: string
  readonly learningRate: number
  /** Places of the examples of the lower batches. */
  readonly examples: readonly number[]
}

/**
 * Losses since the last line of the log. They stay on their device until they are read together, so that a step on a
 * GPU need not wait for the one before.
 */
export class LossWindow {
  #unread: { losses: StepLosses; context: StepContext }[] = []
  #examples = 0
  #breakdowns = 0
  #sums: { [N in Name]: { sum: number; count: number } } = empty()

  add(losses: StepLosses, context: StepContext): void {
    this.#unread.push({ losses, context })
    this.#examples += context.examples.length
    if (losses.diagnostics?.breakdown) this.#breakdowns++
  }

  /** How many examples were trained on since this was last asked. */
  takeExamples(): number {
    const examples = this.#examples
    this.#examples = 0
    return examples
  }

  /**
   * Reads what was added since the last time.
   *
   * @throws BidoraError at the first loss that is not finite, naming its step, learning rate and examples.
   */
  read(): void {
    const unread = this.#unread
    this.#unread = []
    try {
      for (const { losses, context } of unread) {
        for (const name of NAMES) {
          const value = losses[name]?.item() // sync
          if (value === undefined) continue
          if (!Number.isFinite(Number(value))) throw notFinite(name, Number(value), context)
          this.#sums[name].sum += Number(value)
          this.#sums[name].count++
        }
      }
    } finally {
      for (const { losses } of unread) for (const name of NAMES) losses[name]?.dispose()
    }
  }

  /** Means since the last line, leaving out what was not reported. */
  means(): WindowMeans {
    this.read()
    const reported = NAMES.filter(name => this.#sums[name].count > 0)
    const means = Object.fromEntries(reported.map(name => [name, this.#sums[name].sum / this.#sums[name].count]))
    return this.#breakdowns > 0 ? { ...means, breakdowns: this.#breakdowns } : means
  }

  /** The same, and begins anew. */
  takeMeans(): WindowMeans {
    const means = this.means()
    this.#sums = empty()
    this.#breakdowns = 0
    return means
  }

  state(): WindowState {
    this.read()
    return { ...structuredClone(this.#sums), breakdowns: this.#breakdowns }
  }

  load({ breakdowns, ...sums }: WindowState): void {
    this.#sums = structuredClone(sums)
    this.#breakdowns = breakdowns
  }

  /** Frees what was not read. */
  dispose(): void {
    for (const { losses } of this.#unread) for (const name of NAMES) losses[name]?.dispose()
    this.#unread = []
  }
}

function empty(): { [N in Name]: { sum: number; count: number } } {
  return { lowerLoss: { sum: 0, count: 0 }, upperLoss: { sum: 0, count: 0 }, hypergradientNorm: { sum: 0, count: 0 } }
}

function notFinite(name: Name, value: number, { where, learningRate, examples }: StepContext): BidoraError {
  const shown = examples.slice(0, 8).join(', ') + (examples.length > 8 ? ', ...' : '')
  return new BidoraError(
    'LOSS_NOT_FINITE',
    `${where}: ${name} must be a finite number, got ${value} (learning rate ${learningRate}, training examples ${shown}); lower the learning rate, set clip, or look at these examples`,
    { name, value, learningRate, examples },
  )
}
