import { tinyExamples } from './tiny-model.ts'

/** A family of encoders, small enough to train in a moment. */
export interface TinyFamily {
  readonly config: Readonly<Record<string, unknown>> & { model_type: string }
  /** Files of its tokenizer. */
  readonly files: Readonly<Record<string, string>>
  readonly examples: readonly { text: string; label: string }[]
}

const words = 'good bad film mail free prize lunch noon a the is was very not see you win now and'.split(' ')
const examples = tinyExamples(40)

export const tinyFamilies: Readonly<Record<string, TinyFamily>> = {
  distilbert: {
    config: {
      model_type: 'distilbert',
      vocab_size: 24,
      dim: 16,
      n_layers: 2,
      n_heads: 2,
      hidden_dim: 32,
      max_position_embeddings: 32,
      initializer_range: 0.2,
    },
    files: { 'vocab.txt': ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words].join('\n') },
    examples,
  },
}
