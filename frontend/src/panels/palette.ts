/** The style sheet's colours as a canvas needs them, read again when the theme changes. */

const NAMES = ['text', 'muted', 'grid', 'axis', 'price', 'profit', 'loss', 'open', 'surface', 'mark', 'range'] as const
type Name = (typeof NAMES)[number]
export type Palette = { readonly [Colour in Name]: string }

/** Colours as `rgb(…)`: the browser resolves light-dark() and variables on an element, not on the variable itself. */
export function readPalette(): Palette {
  const probe = document.createElement('span')
  probe.hidden = true
  document.body.append(probe)
  const colours = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--chart-${name})`
      return [name, getComputedStyle(probe).color]
    }),
  )
  probe.remove()
  return colours as Palette
}

/** The same colour, see-through. Takes what readPalette gives. */
export function withAlpha(colour: string, alpha: number): string {
  const channels = colour.match(/[\d.]+/g) ?? []
  return `rgba(${channels.slice(0, 3).join(', ')}, ${alpha})`
}

/** Call back when the colours may have changed: the button, or the system. */
export function onThemeChange(callback: () => void): void {
  document.addEventListener('themechange', callback)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', callback)
}
