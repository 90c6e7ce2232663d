export { type BootstrapOptions, type BootstrapResult, type Draw, hierarchicalBootstrap } from './bootstrap.ts'
export { holm } from './holm.ts'
export { quantile, summarize } from './summary.ts'
export { type WilcoxonOptions, type WilcoxonResult, wilcoxon } from './wilcoxon.ts'
