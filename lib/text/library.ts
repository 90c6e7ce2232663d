import { join } from 'node:path'
import { FormatError, SetupError } from '../errors.ts'
import type { TokenizerSource } from './source.ts'

// What this room uses of the package, said here: the package's own declarations do not pass a strict type check, and ours
// reach the user's compiler.

/** Tokens of one text or pair, as the library gives them. */
export interface Encoding {
  getLength(): number
  getIds(): number[]
  getTypeIds(): number[]
  getSpecialTokensMask(): number[]
  getOffsets(): number[][]
  getWordIds(): (number | undefined | null)[]
  getSequenceIds(): (number | undefined | null)[]
  tokenToChars(token: number): [number, number] | null | undefined
}

/** A tokenizer of the library. */
export interface NativeTokenizer {
  encode(text: string, pair?: string | null, options?: { addSpecialTokens?: boolean } | null): Promise<Encoding>
  decode(ids: number[], skipSpecialTokens: boolean): Promise<string>
  addAddedTokens(tokens: object[]): number
  disableTruncation(): void
  disablePadding(): void
  getVocabSize(withAddedTokens?: boolean | null): number
  idToToken(id: number): string | null
  tokenToId(token: string): number | null
}

/** The package with the official bindings of Hugging Face's tokenizers. */
export interface Library {
  Tokenizer: { fromString(json: string): NativeTokenizer }
  AddedToken: new (
    content: string,
    isSpecial: boolean,
    options?: { singleWord?: boolean; leftStrip?: boolean; rightStrip?: boolean; normalized?: boolean } | null,
  ) => object
}

/**
 * Loads the library. Late: its binary is missing on some systems, where the package must still load.
 *
 * @throws SetupError where it has no binary for this system.
 */
export async function loadLibrary(): Promise<Library> {
  try {
    return (await import('tokenizers')) as unknown as Library
  } catch (error) {
    throw new SetupError(
      'tokenizers-missing',
      `tokenizer: expected the package tokenizers with a binary for ${process.platform}-${process.arch}, got ${(error as Error).message.split('\n')[0]}; install the dependencies again on this system`,
      { platform: process.platform, arch: process.arch },
      { cause: error },
    )
  }
}

/**
 * A tokenizer with neither truncation nor padding of its own.
 *
 * @throws FormatError where the library refuses it.
 */
export function openTokenizer(library: Library, source: TokenizerSource, dir: string): NativeTokenizer {
  let native: NativeTokenizer
  try {
    native = library.Tokenizer.fromString(source.json)
  } catch (error) {
    const file = join(dir, source.from)
    throw new FormatError(
      'tokenizer-broken',
      `${file}: expected a tokenizer of the tokenizers library, got a fault (${(error as Error).message}); copy the file again`,
      { file },
      { cause: error },
    )
  }
  native.disableTruncation()
  native.disablePadding()
  return native
}

/** Special tokens that a text (`pair` null) or a pair of texts gets. */
export async function countSpecials(native: NativeTokenizer, pair: string | null): Promise<number> {
  const mask = (await native.encode('', pair)).getSpecialTokensMask()
  return mask.reduce((sum, special) => sum + special, 0)
}
