import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import { type JsonObject, objectOf, type TokenizerFiles } from './files.ts'
import { readSentencePiece } from './sentencepiece-model.ts'
import { framed, specialTokens } from './vocabulary.ts'

/**
 * A tokenizer.json for the Unigram pieces of DeBERTa v2 and v3, from `spm.model`, as transformers 4 makes it
 * (`DebertaV2Converter`): SentencePiece's own ids. Differs: transformers 5 leaves out the normalisation that the file holds.
 */
export function debertaTokenizer(files: TokenizerFiles): JsonObject {
  const file = join(files.dir, 'spm.model')
  const model = readSentencePiece(files.contents.get('spm.model')!, file)
  if (model.modelType !== 1) {
    throw new FormatError(
      'tokenizer-broken',
      `${file}: expected a Unigram model (1), got one of type ${model.modelType}; write tokenizer.json in Python: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`,
      { file, modelType: model.modelType },
    )
  }
  const config = objectOf(files, 'tokenizer_config.json') ?? {}
  const vocab = new Map(model.pieces.map(({ piece }, id) => [piece, id]))
  // The one token that the pieces do not have comes after them.
  if (!vocab.has('[MASK]')) vocab.set('[MASK]', vocab.size)
  const usual = { unk: '[UNK]', sep: '[SEP]', pad: '[PAD]', cls: '[CLS]', mask: '[MASK]' }
  const tokens = specialTokens(files, vocab, 'spm.model', usual)
  const [cls, sep] = [tokens.required('cls'), tokens.required('sep')]
  const own = new Set(tokens.added.map(({ content }) => content))
  // Control symbols (3) and those that the trainer was given (4) are tokens wherever they stand in a text.
  const given = model.pieces.flatMap(({ piece, type }, id) => {
    const isToken = (type === 3 || type === 4) && !own.has(piece)
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    return isToken ? [{ id, content: piece, ...plain, special: type === 3 }] : []
  })
  const metaspace = {
    type: 'Metaspace',
    replacement: '▁',
    prepend_scheme: model.addDummyPrefix ? 'always' : 'never',
    split: true,
  }
  const punctuation = config.split_by_punct === true ? [{ type: 'Punctuation', behavior: 'Isolated' }] : []
  return {
    version: '1.0',
    added_tokens: [...tokens.added, ...given].sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(config.do_lower_case === true ? [{ type: 'Lowercase' }] : []),
        { type: 'Strip', strip_left: true, strip_right: true },
        ...(model.charsMap.length > 0
          ? [{ type: 'Precompiled', precompiled_charsmap: Buffer.from(model.charsMap).toString('base64') }]
          : []),
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      ],
    },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...punctuation, metaspace] },
    post_processor: framed(vocab, cls, sep),
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: model.unkId,
      vocab: model.pieces.map(({ piece, score }) => [piece, score]),
      byte_fallback: model.byteFallback,
    },
  }
}
