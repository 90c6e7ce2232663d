import { type JsonObject, type TokenizerFiles, textOf } from './files.ts'
import { framed, lines, specialTokens } from './vocabulary.ts'

/**
 * A tokenizer.json for the letters of ESM, from `vocab.txt`, as transformers computes them (models/esm/tokenization_esm.py):
 * every token of the vocabulary is one wherever it stands, and what lies between them and white space is unknown.
 */
export function esmTokenizer(files: TokenizerFiles): JsonObject {
  const vocab = new Map(lines(textOf(files, 'vocab.txt') ?? '').map((line, id) => [line.trim(), id]))
  const tokens = specialTokens(files, vocab, 'vocab.txt', {
    unk: '<unk>',
    pad: '<pad>',
    cls: '<cls>',
    eos: '<eos>',
    mask: '<mask>',
  })
  const [cls, eos, unk] = [tokens.required('cls'), tokens.required('eos'), tokens.required('unk')]
  const byLength = [...vocab.keys()].filter(token => token !== '').sort((a, b) => b.length - a.length)
  return {
    version: '1.0',
    added_tokens: tokens.added,
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Split', pattern: { Regex: byLength.map(escaped).join('|') }, behavior: 'Isolated', invert: false },
      ],
    },
    post_processor: framed(vocab, cls, eos),
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(vocab), unk_token: unk },
  }
}

function escaped(token: string): string {
  return token.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
