import { type JsonObject, type TokenizerFiles, textOf } from './files.ts'
import { lines, specialTokens } from './vocabulary.ts'

/**
 * A tokenizer.json for the letters of ESM, from `vocab.txt`, as transformers computes them (models/esm/tokenization_esm.py):
 * every token of the vocabulary is one wherever it stands, and what lies between them and white space is unknown.
 */
export function esmTokenizer(files: TokenizerFiles): JsonObject {
  const vocab = new Map<string, number>()
  lines(textOf(files, 'vocab.txt') ?? '').forEach((line, id) => {
    vocab.set(line.trim(), id)
  })
  const tokens = specialTokens(files, vocab, 'vocab.txt', {
    unk: '<unk>',
    pad: '<pad>',
    cls: '<cls>',
    eos: '<eos>',
    mask: '<mask>',
  })
  const [cls, eos, unk] = [tokens.required('cls'), tokens.required('eos'), tokens.required('unk')]
  const special = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } })
  const sequence = (id: string, typeId: number) => ({ Sequence: { id, type_id: typeId } })
  const entry = (token: string) => [token, { id: token, ids: [vocab.get(token)], tokens: [token] }]
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
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(cls, 0), sequence('A', 0), special(eos, 0)],
      pair: [special(cls, 0), sequence('A', 0), special(eos, 0), sequence('B', 1), special(eos, 1)],
      special_tokens: Object.fromEntries([entry(cls), entry(eos)]),
    },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(vocab), unk_token: unk },
  }
}

function escaped(token: string): string {
  return token.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
