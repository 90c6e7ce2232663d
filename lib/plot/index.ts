export { type PlotSpec, renderSvg } from './render.ts'
export { colours, shapes } from './style.ts'
