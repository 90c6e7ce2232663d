export { analyze } from './analyze.ts'
export type { Analysis, AnalysisFiles, AnalyzeOptions, KindFit, LayerChange, WeightChange } from './types.ts'
