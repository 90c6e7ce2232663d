import type { Config } from 'vega'

/** Colours that colour-blind readers can tell apart and that stand out on white (Okabe and Ito, without the yellow). */
export const colours = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '#000000']

/** Shapes beside the colours, so that a picture printed in grey is readable too. */
export const shapes = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'triangle-right']

const ink = '#333333'

/** How every picture of this library looks. */
export const style: Config = {
  background: 'white',
  title: {
    anchor: 'start',
    color: ink,
    fontSize: 15,
    subtitleColor: '#666666',
    subtitleFontSize: 12,
    subtitlePadding: 4,
    offset: 14,
  },
  axis: {
    domainColor: '#888888',
    gridColor: '#e6e6e6',
    labelColor: ink,
    labelFontSize: 11,
    tickColor: '#888888',
    titleColor: ink,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 10,
  },
  legend: {
    labelColor: ink,
    labelFontSize: 11,
    labelLimit: 0,
    titleColor: ink,
    titleFontSize: 12,
    titleLimit: 0,
    titlePadding: 6,
    rowPadding: 4,
    layout: { right: { direction: 'vertical', margin: 18 } },
  },
}
