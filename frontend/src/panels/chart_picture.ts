/** The charts in sight as one PNG picture, with a heading that says what it shows. */

const MARGIN = 16
const HEADING = 54

export interface Heading {
  readonly title: string
  readonly detail: string
  readonly text: string
  readonly muted: string
  readonly surface: string
}

/** Draw canvases one below the other. */
export function pictureOf(canvases: readonly HTMLCanvasElement[], heading: Heading): HTMLCanvasElement {
  const ratio = devicePixelRatio
  const picture = document.createElement('canvas')
  picture.width = Math.max(1, ...canvases.map((canvas) => canvas.width)) + 2 * MARGIN * ratio
  picture.height = canvases.reduce((height, canvas) => height + canvas.height, 0) + (HEADING + MARGIN) * ratio
  const context = picture.getContext('2d')
  if (context === null) return picture
  context.fillStyle = heading.surface
  context.fillRect(0, 0, picture.width, picture.height)
  context.fillStyle = heading.text
  context.font = `600 ${15 * ratio}px ui-sans-serif, system-ui, sans-serif`
  context.fillText(heading.title, MARGIN * ratio, 24 * ratio)
  context.fillStyle = heading.muted
  context.font = `${12 * ratio}px ui-sans-serif, system-ui, sans-serif`
  context.fillText(heading.detail, MARGIN * ratio, 42 * ratio)
  let top = HEADING * ratio
  for (const canvas of canvases) {
    context.drawImage(canvas, MARGIN * ratio, top)
    top += canvas.height
  }
  return picture
}

/** Offer a picture as a file. */
export function download(picture: HTMLCanvasElement, name: string): void {
  picture.toBlob((blob) => {
    if (blob === null) return
    const link = document.createElement('a')
    link.href = URL.createObjectURL(blob)
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  }, 'image/png')
}
