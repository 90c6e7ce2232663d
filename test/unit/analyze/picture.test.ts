import assert from 'node:assert/strict'
import { fitKinds } from '../../../lib/analyze/fit.ts'
import type { Analysis, LayerChange } from '../../../lib/analyze/index.ts'
import { analysisPicture } from '../../../lib/analyze/picture.ts'
import { changeOf } from './changes.ts'

/** The elements of an XML text with their attributes, in order. Fails where the text is not well-formed. */
function elementsOf(xml: string): { name: string; attributes: Record<string, string>; text: string }[] {
  const found: { name: string; attributes: Record<string, string>; text: string }[] = []
  const open: (typeof found)[number][] = []
  let end = 0
  for (const match of xml.matchAll(/<(\/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>|$/g)) {
    const between = xml.slice(end, match.index)
    assert.doesNotMatch(between, /[<>]|&(?!(amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/i, 'text between elements')
    if (open.length > 0) open.at(-1)!.text += between
    else assert.equal(between.trim(), '', 'text outside')
    end = match.index + match[0].length
    const [, closing, name, attributes = '', empty] = match
    if (name === undefined) continue
    if (closing) {
      assert.equal(open.pop()?.name, name, `</${name}> ends another element`)
      continue
    }
    if (open.length === 0) assert.equal(found.length, 0, 'one root')
    const pairs = [...attributes.matchAll(/([\w:.-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!] as const)
    assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, `${name}: an attribute twice`)
    assert.doesNotMatch(attributes, /&(?!(amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/i)
    const element = { name, attributes: Object.fromEntries(pairs), text: '' }
    found.push(element)
    if (!empty) open.push(element)
  }
  assert.equal(end, xml.length)
  assert.equal(open.length, 0, 'elements that do not end')
  return found
}

function analysisOf(layers: LayerChange[]): Analysis {
  return { adapter: '/runs/a<b&"c"', against: '/models/base', magnitudeAxis: 'out', layers, ...fitKinds(layers) }
}

/** Where a mark stands, from `translate(x,y)`. */
function placeOf({ attributes }: { attributes: Record<string, string> }): [number, number] {
  const [, x, y] = /^translate\(([\d.e+-]+),([\d.e+-]+)\)$/.exec(attributes.transform ?? '') ?? []
  return [Number(x), Number(y)]
}

describe('picture of an analysis', () => {
  const steps = [0, 100, 200].map(step => ({ checkpoint: `step-${step}`, phase: 'train', step }))
  const layers = steps.flatMap((at, turn) => [
    changeOf('encoder.layer.0.query', 'query', 0.002 * turn, 0.3 - 0.05 * turn, at),
    changeOf('encoder.layer.1.query', 'query', 0.003 * turn, 0.2 + 0.01 * turn, at),
    changeOf('encoder.layer.0.value', 'value', 0.0011 * turn, 0.1 * turn, at),
    changeOf('encoder.layer.0.key', 'key', 0, 0, at),
  ])

  it('is well-formed and holds each point at its place, each line and each name', async () => {
    const svg = await analysisPicture(analysisOf(layers))
    const elements = elementsOf(svg)
    assert.equal(elements[0]!.name, 'svg')
    assert.equal(elements[0]!.attributes.xmlns, 'http://www.w3.org/2000/svg')

    const points = elements.filter(({ attributes }) => /: direction /.test(attributes['aria-label'] ?? ''))
    const drawn = layers.filter(({ kind }) => kind !== 'key')
    assert.equal(points.length, drawn.length)
    // One scale for all: from 0, and linear in both directions.
    const height = 420
    const [x, y] = [drawn.map(change => change.directionChange), drawn.map(change => change.magnitudeChange)]
    const places = points.map(placeOf)
    const scaleX = places[8]![0] / x[8]!
    const scaleY = (height - places[0]![1]) / y[0]!
    assert.ok(scaleX * Math.max(...x) <= 620 && scaleX * Math.max(...x) > 400, 'the width is used')
    places.forEach(([px, py], i) => {
      assert.ok(Math.abs(px - x[i]! * scaleX) < 1e-6 && Math.abs(height - py - y[i]! * scaleY) < 1e-6, `point ${i}`)
    })
    const colours = new Set(points.map(({ attributes }) => attributes.fill))
    assert.equal(colours.size, 2)

    const lines = elements.filter(({ attributes }) => /^fit of /.test(attributes['aria-label'] ?? ''))
    assert.equal(lines.length, 2)
    const texts = elements.filter(({ name }) => name === 'text' || name === 'tspan').map(({ text }) => text)
    for (const wanted of [
      /^change of direction$/,
      /1 − cos/,
      /^change of magnitude$/,
      /unit of the weights/,
      /^query: /,
    ]) {
      assert.ok(
        texts.some(text => wanted.test(text)),
        `${wanted}`,
      )
    }
    for (const wanted of [/^value: /, /a&lt;b&amp;.*c.* from base: 3 layers at 3 points/, /^train 0$/, /^train 200$/]) {
      assert.ok(
        texts.some(text => wanted.test(text)),
        `${wanted} in ${texts.join(' | ')}`,
      )
    }
    assert.ok(!texts.some(text => /^key/.test(text)), 'what did not change is left out')
  })

  it('can be drawn of one layer, of none, and of more kinds than there are colours', async () => {
    const few = elementsOf(await analysisPicture(analysisOf(layers.slice(4, 5))))
    assert.ok(few.some(({ text }) => text === 'query: no line'))
    assert.doesNotMatch(JSON.stringify(few), /NaN|Infinity|undefined/)
    assert.doesNotMatch(JSON.stringify(elementsOf(await analysisPicture(analysisOf([])))), /NaN|Infinity|undefined/)
    const many = Array.from({ length: 9 }, (_, i) => changeOf(`block.${i}.kind${i}`, `kind${i}`, i * 1e-9, i * 1e-3))
    const elements = elementsOf(await analysisPicture(analysisOf(many)))
    assert.equal(elements.filter(({ attributes }) => /: direction /.test(attributes['aria-label'] ?? '')).length, 8)
  })
})
