export {
  type Batch,
  batchToDevice,
  type PackedBatch,
  type PaddedArrays,
  type PaddedBatch,
  toBatch,
} from './batch.ts'
export { BertEncoder, BertForSequenceClassification, BertForTokenClassification, BertModel } from './bert.ts'
export {
  type CausalConfig,
  CausalLanguageModel,
  type CausalOptions,
  type LanguageOptions,
  type LanguageOutput,
  languageLoss,
} from './causal.ts'
export {
  type ClassifierOutput,
  classificationLoss,
  type EncoderOptions,
  type EncoderOutput,
  type ForwardOptions,
  SequenceClassifier,
} from './classifier.ts'
export type { EncoderConfig, ModelConfig, ProblemType } from './config.ts'
export { DebertaV2ForSequenceClassification, DebertaV2ForTokenClassification, DebertaV2Model } from './deberta-v2.ts'
export { DistilBertForSequenceClassification, DistilBertForTokenClassification, DistilBertModel } from './distilbert.ts'
export { EsmForSequenceClassification, EsmForTokenClassification, EsmModel } from './esm.ts'
export { GPT2ForSequenceClassification, GPT2LMHeadModel, GPT2Model } from './gpt2.ts'
export type { GPT2Config } from './gpt2-config.ts'
export type { ModelOrigin } from './headed-model.ts'
export { KeyValueCache } from './key-value-cache.ts'
export { createModel, type LoadModelOptions, loadModel } from './load.ts'
export { createLanguageModel, type LoadLanguageModelOptions, loadLanguageModel } from './load-language-model.ts'
export { packBatch, packTexts, type TextIds } from './packed.ts'
export { type HeadTask, modelTypes, tuningDefaults } from './registry.ts'
export { RobertaForSequenceClassification, RobertaForTokenClassification, RobertaModel } from './roberta.ts'
export { saveModel } from './save.ts'
export { useGradientCheckpointing } from './stack.ts'
export { TokenClassifier, type TokenEncoder, tokenLoss } from './token-classifier.ts'
