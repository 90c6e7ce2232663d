/** What a case is told. */
export interface BenchOptions {
  /** Timed turns of each side. */
  rounds: number
  threads: number
  quick: boolean
  /** Folder of data sets, where it is not beside the checkout. */
  data: string | undefined
  /** Rounds of `long-run`, where they are not its own. */
  longRounds?: number | undefined
}

/** Over the turns. */
export interface Spread {
  minimum: number
  median: number
}

/** One line of a result. */
export interface BenchRow {
  case: string
  shape: string
  /** Which row of its shape, where a case has several. */
  name?: string
  /** Milliseconds, or what `unit` says: of what `name` says, of ours where it says nothing. */
  ours: Spread
  /** What it is measured against. */
  peer?: { name: string } & Spread
  /** ours / peer, of the medians and of the minima: the latter is the one to read where the machine had other work. */
  ratio?: number
  ratioOfMinima?: number
  /** Milliseconds of the processor, and their ratio, where they were measured: what other work disturbs least. */
  cpu?: Spread
  ratioOfCpu?: number
  /** The ratio that was promised. */
  target?: number
  unit?: string
  note?: string
}

/** A case gives its rows as it makes them, or all at its end. */
export interface BenchCase {
  name: string
  run(options: BenchOptions): Promise<BenchRow[]> | AsyncIterable<BenchRow>
}

/** What makes two rows of two results the same measurement. */
export function keyOf({ case: of, shape, name, peer, unit }: BenchRow): string {
  return [of, shape, name, peer?.name, unit].filter(part => part !== undefined).join(' · ')
}
