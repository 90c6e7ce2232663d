export {
  type Batch,
  batchToDevice,
  type PackedBatch,
  type PaddedArrays,
  type PaddedBatch,
  toBatch,
} from './batch.ts'
export { BertForSequenceClassification, BertModel } from './bert.ts'
export {
  type ClassifierOutput,
  classificationLoss,
  type EncoderOptions,
  type EncoderOutput,
  type ForwardOptions,
  type ModelOrigin,
  SequenceClassifier,
} from './classifier.ts'
export type { EncoderConfig, ProblemType } from './config.ts'
export { DebertaV2ForSequenceClassification, DebertaV2Model } from './deberta-v2.ts'
export { DistilBertForSequenceClassification, DistilBertModel } from './distilbert.ts'
export { EsmForSequenceClassification, EsmModel } from './esm.ts'
export { createModel, type LoadModelOptions, loadModel } from './load.ts'
export { packBatch, packTexts, type TextIds } from './packed.ts'
export { defaultHead, defaultTargets, modelTypes } from './registry.ts'
export { RobertaForSequenceClassification, RobertaModel } from './roberta.ts'
export { saveModel } from './save.ts'
export { useGradientCheckpointing } from './stack.ts'
