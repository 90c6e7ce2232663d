import type { Tokenizer } from '../text/index.ts'

/** What an unfinished character is decoded to. */
const unfinished = /\uFFFD+$/

/** The text of an answer whose tokens come one by one, up to its first stop text. */
export class AnswerText {
  readonly #tokenizer: Tokenizer
  readonly #stop: readonly string[]
  #given = ''

  constructor(tokenizer: Tokenizer, stop: readonly string[]) {
    this.#tokenizer = tokenizer
    this.#stop = stop
  }

  /** The text of all tokens. */
  async whole(tokens: readonly number[]): Promise<string> {
    const text = await this.#tokenizer.decode(tokens)
    const ends = this.#stop.map(one => text.indexOf(one)).filter(place => place >= 0)
    return ends.length === 0 ? text : text.slice(0, Math.min(...ends))
  }

  /** What the tokens so far add for certain to what was given before. */
  async next(tokens: readonly number[]): Promise<string> {
    const text = (await this.whole(tokens)).replace(unfinished, '')
    return this.#give(text.slice(0, text.length - this.#uncertain(text)))
  }

  /** What is left when no more tokens come. */
  async rest(tokens: readonly number[]): Promise<string> {
    return this.#give(await this.whole(tokens))
  }

  #give(text: string): string {
    if (text.length <= this.#given.length) return ''
    const piece = text.slice(this.#given.length)
    this.#given = text
    return piece
  }

  /** How many letters at the end may be the beginning of a stop text. */
  #uncertain(text: string): number {
    const lengths = this.#stop.map(one => {
      for (let length = Math.min(one.length - 1, text.length); length > 0; length--)
        if (text.endsWith(one.slice(0, length))) return length
      return 0
    })
    return Math.max(0, ...lengths)
  }
}
