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
  type ClassifierOutput,
  classificationLoss,
  type EncoderOptions,
  type EncoderOutput,
  type ForwardOptions,
  type ModelOrigin,
  SequenceClassifier,
} from './classifier.ts'
export type { EncoderConfig, ProblemType } from './config.ts'
export { useGradientCheckpointing } from './encoder.ts'
export { createModel, type LoadModelOptions, loadModel } from './load.ts'
export { packBatch, packTexts, type TextIds } from './packed.ts'
export { type HeadTask, modelTypes } from './registry.ts'
export { RobertaForSequenceClassification, RobertaForTokenClassification, RobertaModel } from './roberta.ts'
export { saveModel } from './save.ts'
export { TokenClassifier, type TokenEncoder, tokenLoss } from './token-classifier.ts'
