/**
 * One loop for the whole page: whatever came since the last frame is drawn once, panel by panel.
 *
 * A panel says how often it wants to be drawn at most. Charts can be drawn with every frame; a table of numbers that
 * changes sixty times a second is not read by anyone.
 */

export interface Panel {
  /** Milliseconds between two drawings at least; 0 for every frame. */
  readonly interval: number
  draw(now: number): void
}

export class FrameLoop {
  readonly #panels: { readonly panel: Panel; drawnAt: number; isDirty: boolean }[] = []
  #isScheduled = false

  add(panel: Panel): void {
    this.#panels.push({ panel, drawnAt: Number.NEGATIVE_INFINITY, isDirty: true })
    this.#schedule()
  }

  /** Something came: every panel is drawn as soon as it wants to be. */
  markDirty(): void {
    for (const entry of this.#panels) entry.isDirty = true
    this.#schedule()
  }

  /** Draw everything in the next frame, whatever the intervals: the session has ended. */
  flush(): void {
    for (const entry of this.#panels) entry.drawnAt = Number.NEGATIVE_INFINITY
    this.markDirty()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    requestAnimationFrame((now) => {
      this.#isScheduled = false
      this.#draw(now)
    })
  }

  #draw(now: number): void {
    for (const entry of this.#panels) {
      if (!entry.isDirty || now - entry.drawnAt < entry.panel.interval) continue
      entry.isDirty = false
      entry.drawnAt = now
      drawAlone(entry.panel, now)
    }
    if (this.#panels.some((entry) => entry.isDirty)) this.#schedule()
  }
}

/** One panel's failure leaves the others live. */
function drawAlone(panel: Panel, now: number): void {
  try {
    panel.draw(now)
  } catch (error) {
    console.error(error)
  }
}
