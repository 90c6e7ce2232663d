import { Random } from './random.ts'

/** What a buffer holds after so many draws: numbers of rows by place, and the first row not yet in it. */
export interface Drawn {
  random: Random
  held: number[]
  next: number
}

/** Which pass over the rows it is, and how they are mixed. */
export interface Mixing {
  seed: number
  pass: number
  /** Rows in the buffer; 1 keeps their order. */
  size: number
}

/**
 * The generator that a pass draws with. A row is drawn from `size` rows at a time, and the next row of the file takes its
 * place: at the end the last of the buffer does.
 */
export function passRandom({ seed, pass }: Mixing): Random {
  return new Random(seed, 'stream', pass)
}

/**
 * The state of a buffer after `draws` draws. What is drawn does not depend on what is in the rows, so no row is read for it.
 *
 * @param rows how many there are in all, where the end has been seen.
 */
export function replay(mixing: Mixing, draws: number, rows = Number.POSITIVE_INFINITY): Drawn {
  const random = passRandom(mixing)
  const held = Array.from({ length: Math.min(mixing.size, rows) }, (_, i) => i)
  let next = held.length
  for (let draw = 0; draw < draws; draw++) {
    const at = random.below(held.length)
    if (next < rows) held[at] = next++
    else dropAt(held, at)
  }
  return { random, held, next }
}

/** Takes an element out; the last one takes its place. */
export function dropAt<T>(list: T[], at: number): void {
  const last = list.pop()!
  if (at < list.length) list[at] = last
}
