import assert from 'node:assert/strict'
import { ConfigError } from '../../../lib/errors.ts'
import { bert } from '../../../lib/models/bert.ts'
import { readEncoderConfig } from '../../../lib/models/config.ts'
import { createModel, modelTypes } from '../../../lib/models/index.ts'
import { familyOf, readConfigOf } from '../../../lib/models/registry.ts'
import { roberta } from '../../../lib/models/roberta.ts'

const read = (json: Record<string, unknown>) =>
  readEncoderConfig({ model_type: 'bert', ...json }, bert.defaults!, 'c.json')

describe('models/config', () => {
  it('reads every field and takes the defaults of transformers for the others', () => {
    const config = read({
      vocab_size: 30,
      hidden_size: 8,
      num_attention_heads: 2,
      layer_norm_eps: 1e-5,
      classifier_dropout: 0.2,
    })
    assert.deepEqual(config, {
      modelType: 'bert',
      vocabSize: 30,
      hiddenSize: 8,
      numHiddenLayers: 12,
      numAttentionHeads: 2,
      intermediateSize: 3072,
      hiddenAct: 'gelu',
      hiddenDropoutProb: 0.1,
      attentionProbsDropoutProb: 0.1,
      classifierDropout: 0.2,
      maxPositionEmbeddings: 512,
      typeVocabSize: 2,
      initializerRange: 0.02,
      layerNormEps: 1e-5,
      padTokenId: 0,
      labels: ['LABEL_0', 'LABEL_1'],
      problemType: 'single-label',
    })
    assert.equal(readEncoderConfig({ model_type: 'roberta' }, roberta.defaults!, 'c.json').padTokenId, 1)
    assert.equal(read({ pad_token_id: null }).padTokenId, undefined)
  })

  it('takes for the other families what transformers 5.23 writes of a configuration without fields', () => {
    const encoder = {
      numHiddenLayers: 12,
      numAttentionHeads: 12,
      hiddenSize: 768,
      intermediateSize: 3072,
      hiddenAct: 'gelu',
      hiddenDropoutProb: 0.1,
      attentionProbsDropoutProb: 0.1,
      initializerRange: 0.02,
      layerNormEps: 1e-12,
      maxPositionEmbeddings: 512,
      typeVocabSize: 0,
    }
    const expected: Record<string, Record<string, unknown>> = {
      gpt2: {
        vocabSize: 50257,
        nPositions: 1024,
        nEmbd: 768,
        nLayer: 12,
        nHead: 12,
        activationFunction: 'gelu_new',
        residPdrop: 0.1,
        embdPdrop: 0.1,
        attnPdrop: 0.1,
        layerNormEpsilon: 1e-5,
        initializerRange: 0.02,
        scaleAttnWeights: true,
        scaleAttnByInverseLayerIdx: false,
        reorderAndUpcastAttn: false,
        tieWordEmbeddings: true,
        bosTokenId: 50256,
        eosTokenId: 50256,
      },
      distilbert: {
        ...encoder,
        vocabSize: 30522,
        numHiddenLayers: 6,
        classifierDropout: 0.2,
        padTokenId: 0,
        sinusoidalPosEmbds: false,
      },
      esm: {
        ...encoder,
        vocabSize: 33,
        padTokenId: 1,
        maxPositionEmbeddings: 1026,
        positionEmbeddingType: 'absolute',
        ropeTheta: 10000,
        tokenDropout: false,
        isFoldingModel: false,
      },
      'deberta-v2': {
        ...encoder,
        vocabSize: 128100,
        hiddenSize: 1536,
        numHiddenLayers: 24,
        numAttentionHeads: 24,
        intermediateSize: 6144,
        layerNormEps: 1e-7,
        padTokenId: 0,
        relativeAttention: false,
        maxRelativePositions: -1,
        // These it does not write; its model takes them where they are missing.
        positionBuckets: -1,
        shareAttKey: false,
        normRelEbd: 'none',
        convKernelSize: 0,
        convGroups: 1,
        convAct: 'tanh',
        positionBiasedInput: true,
        poolerDropout: 0,
        poolerHiddenAct: 'gelu',
      },
    }
    for (const [modelType, fields] of Object.entries(expected)) {
      // ESM has no default of these two.
      const needed = modelType === 'esm' ? { vocab_size: 33, pad_token_id: 1 } : {}
      const config = readConfigOf(familyOf(modelType, 'c.json'), { model_type: modelType, ...needed }, 'c.json')
      const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
      const all = { modelType, labels: ['LABEL_0', 'LABEL_1'], problemType: 'single-label', ...fields }
      assert.deepEqual(given, all, modelType)
    }
  })

  it('reads labels in the order of their numbers', () => {
    assert.deepEqual(
      read({
        id2label: { 1: 'b', 0: 'a', 10: 'k', ...Object.fromEntries('cdefghij'.split('').map((l, i) => [i + 2, l])) },
      }).labels,
      'abcdefghijk'.split(''),
    )
    assert.deepEqual(read({ num_labels: 3 }).labels, ['LABEL_0', 'LABEL_1', 'LABEL_2'])
  })

  it('tells a regression by its one output, as transformers does', () => {
    assert.equal(read({ id2label: { 0: 'score' } }).problemType, 'regression')
    assert.equal(read({ problem_type: 'multi_label_classification' }).problemType, 'multi-label')
    assert.equal(read({ problem_type: null }).problemType, 'single-label')
  })

  const refused: [json: Record<string, unknown>, message: RegExp][] = [
    [
      { position_embedding_type: 'relative_key' },
      /position_embedding_type "relative_key" \(relative positions\) is not supported/,
    ],
    [{ is_decoder: true }, /is_decoder true \(a decoder\)/],
    [{ add_cross_attention: true }, /cross-attention/],
    [{ is_encoder_decoder: true }, /encoder-decoder/],
    [{ pruned_heads: { 1: [0] } }, /pruned heads/],
    [{ quantization_config: { bits: 4 } }, /quantized weights/],
    [{ embedding_size: 128 }, /factored embeddings/],
    [{ hidden_size: 0 }, /hidden_size: expected a whole number from 1, got 0/],
    [{ hidden_size: '768' }, /hidden_size: expected a whole number from 1, got "768"/],
    [{ hidden_size: 770 }, /multiple of num_attention_heads 12, got 770/],
    [{ num_hidden_layers: 1.5 }, /num_hidden_layers/],
    [{ hidden_dropout_prob: 1.5 }, /hidden_dropout_prob: expected a number from 0 to 1, got 1\.5/],
    [{ classifier_dropout: 'no' }, /classifier_dropout/],
    [{ layer_norm_eps: 0 }, /layer_norm_eps/],
    [{ vocab_size: null }, /vocab_size: expected a whole number from 1, got null/],
    [{ pad_token_id: 30522 }, /pad_token_id: expected a token below vocab_size 30522, got 30522/],
    [{ pad_token_id: -1 }, /pad_token_id/],
    [{ id2label: { 0: 'a', 2: 'c' } }, /id2label: expected names for 0, 1, 2/],
    [{ id2label: { a: 'b' } }, /id2label/],
    [{ id2label: { 0: 1 } }, /id2label/],
    [{ id2label: {} }, /id2label/],
    [{ id2label: ['a', 'b'] }, /id2label/],
    [{ id2label: { 0: 'a', 1: 'a' } }, /id2label: expected different names, got a, a/],
    [{ num_labels: 0 }, /num_labels/],
    [{ problem_type: 'ranking' }, /problem_type: expected one of single_label_classification, .* got "ranking"/],
    [{ problem_type: 'single_label_classification', id2label: { 0: 'a' } }, /expected regression or two labels/],
  ]
  for (const [json, message] of refused) {
    it(`refuses ${JSON.stringify(json)}`, () => {
      assert.throws(
        () => read(json),
        (error: ConfigError) =>
          error instanceof ConfigError && error.message.startsWith('c.json: ') && message.test(error.message),
      )
    })
  }

  it('accepts switches that change nothing', () => {
    read({
      position_embedding_type: 'absolute',
      is_decoder: false,
      pruned_heads: {},
      quantization_config: null,
      embedding_size: null,
    })
  })

  it('lists all problems at once', () => {
    assert.throws(
      () => read({ is_decoder: true, vocab_size: -1, num_labels: 'two' }),
      /is_decoder.*vocab_size.*num_labels/,
    )
  })

  it('refuses unknown model types, activations and a RoBERTa without padding', () => {
    assert.throws(
      () => createModel({ model_type: 'zebra' }),
      (error: ConfigError) => error.message.includes(`expected a model_type of ${modelTypes.join(', ')}, got "zebra"`),
    )
    assert.throws(() => createModel({}), /got none/)
    assert.throws(() => createModel({ model_type: 'bert', hidden_act: 'mish' }), ConfigError)
    assert.throws(() => createModel({ model_type: 'roberta', pad_token_id: null }), /expected a pad_token_id/)
    assert.throws(() => createModel({ model_type: 'bert' }, { dtype: 'int64' }), /expected a dtype of float64/)
  })
})
