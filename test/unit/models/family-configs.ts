/** What the tests of all families need to know of one of them. */
export interface FamilyCase {
  /** A configuration that a test can afford, without dropout. */
  readonly config: Readonly<Record<string, unknown>>
  /** Every probability of dropout that the configuration has, switched on. */
  readonly dropping: Readonly<Record<string, number>>
  readonly encoder: {
    readonly prefix: string
    /** transformers' class for the encoder alone. */
    readonly architecture: string
    /** A name that a checkpoint must have. */
    readonly lost: string
    /** Names of the head's parameters. */
    readonly head: readonly string[]
  }
  /** Changes of the configuration that are refused. */
  readonly foreign: readonly (readonly [changes: Readonly<Record<string, unknown>>, message: RegExp])[]
}

const labels = { id2label: { 0: 'ham', 1: 'spam', 2: 'eggs' } }

export const familyConfigs: Readonly<Record<string, FamilyCase>> = {
  distilbert: {
    config: {
      model_type: 'distilbert',
      vocab_size: 20,
      dim: 8,
      n_layers: 3,
      n_heads: 2,
      hidden_dim: 12,
      max_position_embeddings: 16,
      dropout: 0,
      attention_dropout: 0,
      seq_classif_dropout: 0,
      initializer_range: 0.5,
      sinusoidal_pos_embds: true,
      ...labels,
    },
    dropping: { dropout: 0.2, attention_dropout: 0.2, seq_classif_dropout: 0.2 },
    encoder: {
      prefix: 'distilbert',
      architecture: 'DistilBertModel',
      lost: 'distilbert.transformer.layer.1.attention.q_lin.weight',
      head: ['pre_classifier.weight', 'pre_classifier.bias', 'classifier.weight', 'classifier.bias'],
    },
    foreign: [
      [{ n_heads: 3 }, /dim: expected a multiple of n_heads 3, got 8/],
      [{ activation: 'mish' }, /activation: expected one of/],
      [{ sinusoidal_pos_embds: 'yes' }, /sinusoidal_pos_embds: expected true or false/],
      [{ pruned_heads: { 0: [1] } }, /pruned heads/],
      [{ seq_classif_dropout: 2 }, /seq_classif_dropout/],
    ],
  },
}
