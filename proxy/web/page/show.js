// How people read numbers.
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export const none = '–'
const known = (show) => (n) => (n === undefined || n === null || Number.isNaN(n) ? none : show(n))

export const count = known((n) => (Math.abs(n) < 10_000 ? number : compact).format(n))

export const bytes = known((n) => {
  let unit = 0
  for (; Math.abs(n) >= 1024 && unit < 4; unit++) n /= 1024
  return `${number.format(n)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`
})

export const duration = known((s) => {
  if (s < 0.0005) return s === 0 ? '0 s' : `${number.format(s * 1e6)} µs`
  if (s < 1) return `${number.format(s * 1000)} ms`
  if (s < 120) return `${number.format(s)} s`
  if (s < 7200) return `${number.format(s / 60)} min`
  return s < 172_800 ? `${number.format(s / 3600)} h` : `${number.format(s / 86_400)} days`
})

export const perSecond = known((n) => `${count(n)}/s`)
