/**
 * One loop for the whole page: whatever came since the last frame is drawn once, panel by panel.
 *
 * A panel says how often it wants to be drawn at most; a table of numbers that changes sixty times a second is not read by
 * anyone. Where frames get long, the panels that can yield are drawn half as often, before any frame is dropped.
 */

export interface Panel {
  /** Milliseconds between two drawings at least; 0 for every frame. */
  readonly interval: number
  /** Whether it may be drawn half as often where the page cannot keep up. */
  readonly canYield?: boolean
  draw(now: number): void
}

/** When one frame in twenty takes longer than this, milliseconds, the page does not keep up. */
const LONG_FRAME_MS = 20
const REMEMBERED_FRAMES = 60
/** How often the intervals are thought over, frames. */
const REVIEW_EVERY = 30

export class FrameLoop {
  readonly #panels: { readonly panel: Panel; drawnAt: number; isDirty: boolean }[] = []
  readonly #pace = new FramePace()
  #isScheduled = false
  #lastFrameAt = Number.NaN

  /** Slower than the panels ask for, also where the reader prefers little motion: milliseconds. */
  slowest = 0

  add(panel: Panel): void {
    this.#panels.push({ panel, drawnAt: Number.NEGATIVE_INFINITY, isDirty: true })
    this.#schedule()
  }

  /** Something came: every panel is drawn as soon as it wants to be. */
  markDirty(): void {
    for (const entry of this.#panels) entry.isDirty = true
    this.#schedule()
  }

  /** Draw everything in the next frame, whatever the intervals: the session has ended, or the reader asked for it. */
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
    this.#pace.note(now - this.#lastFrameAt)
    this.#lastFrameAt = now
    for (const entry of this.#panels) {
      if (!entry.isDirty || now - entry.drawnAt < this.#interval(entry.panel)) continue
      entry.isDirty = false
      entry.drawnAt = now
      drawAlone(entry.panel, now)
    }
    if (this.#panels.some((entry) => entry.isDirty)) this.#schedule()
  }

  #interval(panel: Panel): number {
    const wanted = Math.max(panel.interval, this.slowest)
    return panel.canYield === true && this.#pace.isBehind ? wanted * 2 : wanted
  }
}

/** Whether frames have been long lately. */
export class FramePace {
  readonly #frames = new Float64Array(REMEMBERED_FRAMES)
  #count = 0
  isBehind = false

  /** @param milliseconds Since the frame before; a pause in which nothing was drawn is no frame. */
  note(milliseconds: number): void {
    if (!(milliseconds > 0 && milliseconds < 250)) return
    this.#frames[this.#count % REMEMBERED_FRAMES] = milliseconds
    this.#count += 1
    if (this.#count < REMEMBERED_FRAMES || this.#count % REVIEW_EVERY !== 0) return
    const sorted = this.#frames.toSorted()
    this.isBehind = (sorted[Math.floor(REMEMBERED_FRAMES * 0.95)] ?? 0) > LONG_FRAME_MS
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
