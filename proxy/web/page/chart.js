// A chart of the last minutes or hours, as SVG. The lines move by a transform, so that a
// second costs one drawing.
import { html, svg } from './dom.js'
import { none } from './show.js'

// What all charts show, in seconds: the time to now, the steps by which it is read, and
// the pause between two points that is a gap in the lines.
export const frame = { span: 120, step: 1, gap: 3.5, ago: (s) => `${s} s ago` }

const height = 100
const still = matchMedia('(prefers-reduced-motion: reduce)')

// The moment that all charts show: seconds before now, 0 for now.
let back = 0
const all = new Set()

function look(at) {
  back = Math.min(Math.max(Math.round(at / frame.step) * frame.step, 0), frame.span)
  for (const chart of all) chart.read()
}

// Chart draws lines: each has a name and of, which makes its value of two moments and
// those ten seconds earlier. show says a value as people read it; least is the smallest top of the scale.
export class Chart {
  constructor({ title, lines, show, least = 1 }) {
    this.lines = lines
    this.show = show
    this.least = least
    this.points = [] // { at, values }, oldest first
    this.top = html('span', { class: 'top' })
    this.moving = svg('g', {})
    this.marks = lines.map((_, i) => ({ area: svg('path', { class: `area s${i}` }), line: svg('path', { class: `line s${i}` }) }))
    this.moving.append(...this.marks.flatMap((m) => [m.area, m.line]))
    this.cursor = svg('line', { class: 'cursor', y1: 0, y2: height })
    this.figures = lines.map(() => html('b', {}, none))
    this.plot = svg('svg', { preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      svg('path', { class: 'grid', d: `M0 ${height / 2}H100000` }), this.moving, this.cursor)
    this.slider = html('div', {
      class: 'plot', tabindex: 0, role: 'slider', 'aria-label': title, 'aria-valuemax': 0, 'aria-describedby': 'charts-note',
    }, this.plot, this.top, html('span', { class: 'bottom', 'aria-hidden': 'true' }, '0'))
    this.when = html('span', { class: 'when' }, 'now')
    this.node = html('figure', { class: 'card chart' },
      html('figcaption', {}, html('h3', {}, title), this.when),
      this.slider,
      html('ul', { class: 'legend' }, ...lines.map((l, i) => html('li', { class: `s${i}` }, html('i', {}), `${l.name} `, this.figures[i]))))
    this.slider.addEventListener('pointermove', (e) => {
      const box = this.slider.getBoundingClientRect()
      look(frame.span * (1 - (e.clientX - box.left) / box.width))
    })
    this.slider.addEventListener('pointerleave', () => look(0))
    this.slider.addEventListener('blur', () => look(0))
    this.slider.addEventListener('keydown', (e) => {
      const to = {
        ArrowLeft: back + frame.step, ArrowDown: back + frame.step, ArrowRight: back - frame.step, ArrowUp: back - frame.step,
        PageUp: back - 10 * frame.step, PageDown: back + 10 * frame.step, Home: frame.span, End: 0,
      }[e.key]
      if (to === undefined) return
      e.preventDefault()
      look(to)
    })
    all.add(this)
    this.read()
  }

  // add takes the values of a moment; null is one that is not known.
  add(at, values) {
    const last = this.points.at(-1)?.at
    this.points.push({ at, values })
    while (this.points[0].at < at - (frame.span + 2) * 1000) this.points.shift()
    this.draw()
    if (last && !still.matches) {
      const step = Math.min((at - last) / 1000, 5)
      this.moving.animate([{ transform: `translateX(${step}px)` }, { transform: 'none' }], { duration: 1000 * step })
    }
  }

  // set takes all moments anew.
  set(points) {
    this.points = points
    this.draw()
  }

  // break leaves a gap in the lines, where another process begins to answer.
  break() {
    this.points = []
    this.draw()
  }

  draw() {
    this.plot.setAttribute('viewBox', `0 0 ${frame.span} ${height}`)
    const now = this.points.at(-1)?.at
    const most = Math.max(this.least, ...this.points.flatMap((p) => p.values.filter((v) => v != null)))
    const scale = nice(most)
    this.top.textContent = this.show(scale)
    this.marks.forEach(({ area, line }, i) => {
      let d = ''
      let filled = ''
      let x, before
      for (const p of this.points) {
        const v = p.values[i]
        if (v == null || (before && p.at - before > 1000 * frame.gap)) {
          if (filled && !filled.endsWith('Z')) filled += `V${height}Z`
          before = undefined
        }
        if (v == null) continue
        x = (frame.span - (now - p.at) / 1000).toFixed(2)
        const y = (height * (1 - v / scale)).toFixed(2)
        d += `${before ? 'L' : 'M'}${x} ${y}`
        filled += before ? `L${x} ${y}` : `M${x} ${height}V${y}`
        before = p.at
      }
      line.setAttribute('d', d)
      area.setAttribute('d', filled && !filled.endsWith('Z') ? `${filled}V${height}Z` : filled)
    })
    this.read()
  }

  // read writes the figures of the moment that is looked at.
  read() {
    const now = this.points.at(-1)?.at
    const at = back === 0 ? now : now - back * 1000
    const point = this.points.findLast((p) => p.at <= at + 500 * frame.step && p.at >= at - 1500 * frame.step)
    const texts = this.lines.map((_, i) => this.show(point?.values[i] ?? undefined))
    texts.forEach((text, i) => (this.figures[i].textContent = text))
    this.when.textContent = back === 0 ? 'now' : frame.ago(back)
    this.cursor.setAttribute('x1', frame.span - back)
    this.cursor.setAttribute('x2', frame.span - back)
    this.cursor.classList.toggle('on', back > 0)
    this.slider.setAttribute('aria-valuemin', -frame.span)
    this.slider.setAttribute('aria-valuenow', -back)
    this.slider.setAttribute('aria-valuetext', `${this.when.textContent}: ${this.lines.map((l, i) => `${l.name} ${texts[i]}`).join(', ')}`)
  }
}

// nice is the next of 1, 2, 2.5 and 5 times a power of ten.
function nice(n) {
  const power = 10 ** Math.floor(Math.log10(n))
  return [1, 2, 2.5, 5, 10].find((f) => f * power >= n * 0.999) * power
}
