import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/*
 * A whole Hugging Face folder of a BERT with random weights, small enough to train in a second, written without the
 * addon: the tests that start child processes need none of their own.
 */
const [hidden, intermediate, layers, positions] = [16, 32, 2, 64]
const words = 'good bad film mail free prize lunch noon a the is was very not see you win now and'.split(' ')
const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words]

/** Writes the model to a new folder below the system's temporary one and gives its path. */
export function tinyModel(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bidora-tiny-'))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config()))
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer()))
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'BertTokenizer', do_lower_case: true, model_max_length: positions }),
  )
  writeFileSync(join(folder, 'model.safetensors'), safetensors(weightShapes()))
  return folder
}

/** Separable examples: a text with a word of the first list is positive. */
export function tinyExamples(count: number): { text: string; label: string }[] {
  return Array.from({ length: count }, (_, index) => {
    const spam = index % 2 === 1
    const key = (spam ? ['free', 'prize', 'win'] : ['lunch', 'noon', 'see'])[index % 3]
    const filler = words[(index * 7) % words.length]
    return { text: `the ${filler} is ${key} ${index % 5 === 0 ? 'very ' : ''}now`, label: spam ? 'spam' : 'ham' }
  })
}

function config(): object {
  return {
    model_type: 'bert',
    architectures: ['BertModel'],
    vocab_size: vocabulary.length,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: 2,
    intermediate_size: intermediate,
    hidden_act: 'gelu',
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  }
}

function tokenizer(): object {
  const special = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } })
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } })
  const named = (id: string) => ({ id, ids: [vocabulary.indexOf(id)], tokens: [id] })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: vocabulary.slice(0, 5).map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
      pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
      special_tokens: { '[CLS]': named('[CLS]'), '[SEP]': named('[SEP]') },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
    },
  }
}

function weightShapes(): Map<string, number[]> {
  const shapes = new Map<string, number[]>()
  const linear = (name: string, out: number, inside: number) =>
    shapes.set(`${name}.weight`, [out, inside]).set(`${name}.bias`, [out])
  const norm = (name: string) => shapes.set(`${name}.weight`, [hidden]).set(`${name}.bias`, [hidden])
  shapes.set('embeddings.word_embeddings.weight', [vocabulary.length, hidden])
  shapes.set('embeddings.position_embeddings.weight', [positions, hidden])
  shapes.set('embeddings.token_type_embeddings.weight', [2, hidden])
  norm('embeddings.LayerNorm')
  for (let layer = 0; layer < layers; layer++) {
    const path = `encoder.layer.${layer}`
    for (const part of ['query', 'key', 'value']) linear(`${path}.attention.self.${part}`, hidden, hidden)
    linear(`${path}.attention.output.dense`, hidden, hidden)
    norm(`${path}.attention.output.LayerNorm`)
    linear(`${path}.intermediate.dense`, intermediate, hidden)
    linear(`${path}.output.dense`, hidden, intermediate)
    norm(`${path}.output.LayerNorm`)
  }
  linear('pooler.dense', hidden, hidden)
  return shapes
}

/** float32 tensors of pseudo-random values, norms' weights one. */
function safetensors(shapes: Map<string, number[]>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const parts: Buffer[] = []
  let offset = 0
  let state = 1
  const random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff - 0.5
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, length) => product * length, 1)
    const value = name.endsWith('LayerNorm.weight') ? () => 1 : name.endsWith('.bias') ? () => 0 : () => random() * 0.6
    const bytes = Buffer.from(Float32Array.from({ length: size }, value).buffer)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes.length] }
    parts.push(bytes)
    offset += bytes.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...parts])
}
