import { join } from 'node:path'
import type { Tokenizer as NativeTokenizer } from 'tokenizers'
import { FormatError, SetupError } from '../errors.ts'
import type { TokenizerSource } from './source.ts'

/** The package with the official bindings of Hugging Face's tokenizers. */
export type Library = typeof import('tokenizers')

/**
 * Loads the library. Late: its binary is missing on some systems, where the package must still load.
 *
 * @throws SetupError where it has no binary for this system.
 */
export async function loadLibrary(): Promise<Library> {
  try {
    return await import('tokenizers')
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
