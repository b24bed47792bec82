/**
 * One loop for the whole page: whatever came since the last frame is drawn once, panel by panel.
 *
 * A panel says how often it wants to be drawn at most; a table of numbers that changes sixty times a second is not read by
 * anyone. One that is dear to draw is drawn in parts, a part a frame, so that no frame waits for all of it. Where frames
 * get long all the same, the panels that can yield are drawn half as often, before any frame is dropped.
 */

export interface Panel {
  /** Milliseconds between two drawings at least; 0 for every frame. */
  readonly interval: number
  /** Whether it may be drawn half as often where the page cannot keep up. */
  readonly canYield?: boolean
  /**
   * Draw.
   *
   * @param isWhole Whether all of it must be drawn now: the session has ended, or the reader asked for something.
   * @returns true where a part is left for the next frame; nothing where all is drawn.
   */
  draw(now: number, isWhole: boolean): boolean | void
}

/** When one frame in twenty takes longer than this, milliseconds, the page does not keep up. */
const LONG_FRAME_MS = 20
const REMEMBERED_FRAMES = 60
/** How often the intervals are thought over, frames. */
const REVIEW_EVERY = 30

interface Entry {
  readonly panel: Panel
  drawnAt: number
  isDirty: boolean
  /** Whether parts of its drawing are left. */
  isUnfinished: boolean
  /** Whether the next drawing must not be in parts. */
  mustBeWhole: boolean
}

/** How frames are asked for; the browser's own, but for tests. */
export type FrameSource = (callback: (now: number) => void) => void

export class FrameLoop {
  readonly #panels: Entry[] = []
  readonly #pace = new FramePace()
  readonly #nextFrame: FrameSource
  #isScheduled = false
  #lastFrameAt = Number.NaN
  #frames = 0

  /** Slower than the panels ask for, also where the reader prefers little motion: milliseconds. */
  slowest = 0

  constructor(nextFrame: FrameSource = (callback) => requestAnimationFrame(callback)) {
    this.#nextFrame = nextFrame
  }

  add(panel: Panel): void {
    const drawnAt = Number.NEGATIVE_INFINITY
    this.#panels.push({ panel, drawnAt, isDirty: true, isUnfinished: false, mustBeWhole: false })
    this.#schedule()
  }

  /** Something came: every panel is drawn as soon as it wants to be. */
  markDirty(): void {
    for (const entry of this.#panels) entry.isDirty = true
    this.#schedule()
  }

  /** Draw everything in the next frame, whatever the intervals: the session has ended, or the reader asked for it. */
  flush(): void {
    for (const entry of this.#panels) {
      entry.drawnAt = Number.NEGATIVE_INFINITY
      entry.isUnfinished = false
      entry.mustBeWhole = true
    }
    this.markDirty()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#nextFrame((now) => {
      this.#isScheduled = false
      this.#draw(now)
    })
  }

  #draw(now: number): void {
    this.#pace.note(now - this.#lastFrameAt)
    this.#lastFrameAt = now
    this.#frames += 1
    for (const entry of this.#panels) if (this.#isDue(entry, now)) this.#drawOne(entry, now)
    if (this.#panels.some((entry) => entry.isDirty || entry.isUnfinished)) this.#schedule()
  }

  #isDue({ panel, drawnAt, isDirty, isUnfinished }: Entry, now: number): boolean {
    const isYielding = panel.canYield === true && this.#pace.isBehind
    if (isYielding && this.#frames % 2 === 1) return false
    if (isUnfinished) return true
    return isDirty && now - drawnAt >= Math.max(panel.interval, this.slowest) * (isYielding ? 2 : 1)
  }

  #drawOne(entry: Entry, now: number): void {
    if (!entry.isUnfinished) {
      entry.isDirty = false
      entry.drawnAt = now
    }
    const { mustBeWhole } = entry
    entry.mustBeWhole = false
    entry.isUnfinished = drawAlone(entry.panel, now, mustBeWhole)
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
function drawAlone(panel: Panel, now: number, isWhole: boolean): boolean {
  try {
    return panel.draw(now, isWhole) === true
  } catch (error) {
    console.error(error)
    return false
  }
}
