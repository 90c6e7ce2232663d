/** What a case is told. */
export interface BenchOptions {
  /** Timed turns of each side. */
  rounds: number
  threads: number
  quick: boolean
  /** Folder of data sets, where it is not beside the checkout. */
  data: string | undefined
}

/** One line of a result. */
export interface BenchRow {
  case: string
  shape: string
  /** Milliseconds, or what `unit` says; minimum and median over the turns. */
  ours: { minimum: number; median: number }
  peer?: { name: string; minimum: number; median: number }
  /** ours / peer, of the medians. */
  ratio?: number
  unit?: string
  note?: string
}

export interface BenchCase {
  name: string
  run(options: BenchOptions): Promise<BenchRow[]>
}
