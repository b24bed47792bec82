import { describe, expect, it } from 'vitest'
import { FrameLoop, type Panel } from '../../src/live/frame_loop.ts'

/** Frames that come when the test says so. */
class Frames {
  #waiting: ((now: number) => void)[] = []
  #now = 0
  /** How often a frame was asked for. */
  asked = 0

  readonly source = (callback: (now: number) => void): void => {
    this.asked += 1
    this.#waiting.push(callback)
  }

  /** Let frames pass, each so many milliseconds after the one before. */
  pass(count: number, milliseconds: number): void {
    for (let number = 0; number < count; number += 1) {
      this.#now += milliseconds
      for (const callback of this.#waiting.splice(0)) callback(this.#now)
    }
  }
}

class Noted implements Panel {
  readonly interval: number
  readonly canYield: boolean
  readonly #parts: number
  #left = 0
  /** Whether each drawing was asked for as a whole. */
  readonly drawings: boolean[] = []

  constructor(interval: number, { canYield = false, parts = 1 } = {}) {
    this.interval = interval
    this.canYield = canYield
    this.#parts = parts
  }

  draw(_now: number, isWhole: boolean): boolean {
    this.drawings.push(isWhole)
    this.#left = isWhole ? 0 : (this.#left || this.#parts) - 1
    return this.#left > 0
  }
}

describe('the frame loop', () => {
  it('draws once a frame, however much came', () => {
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    const panel = new Noted(0)
    loop.add(panel)
    for (let batch = 0; batch < 100; batch += 1) loop.markDirty()

    frames.pass(1, 16)

    expect(panel.drawings).toEqual([false])
    expect(frames.asked).toBe(1)
  })

  it('asks for no frame while nothing comes', () => {
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    loop.add(new Noted(0))

    frames.pass(10, 16)

    expect(frames.asked).toBe(1)
  })

  it('draws a panel no more often than it wants to be', () => {
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    const panel = new Noted(100)
    loop.add(panel)

    for (let frame = 0; frame < 60; frame += 1) {
      loop.markDirty()
      frames.pass(1, 16)
    }

    expect(panel.drawings.length).toBe(Math.ceil((60 * 16) / 112))
  })

  it('draws a dear panel in parts, one a frame, until all of it is drawn', () => {
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    const panel = new Noted(0, { parts: 3 })
    loop.add(panel)

    frames.pass(2, 16)
    expect(panel.drawings.length).toBe(2)
    frames.pass(5, 16)

    expect(panel.drawings.length).toBe(3)
  })

  it('draws all of it at once for one who waits, also in the middle of its parts', () => {
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    const panel = new Noted(1_000, { parts: 4 })
    loop.add(panel)

    frames.pass(1, 16)
    loop.flush()
    frames.pass(3, 16)

    expect(panel.drawings).toEqual([false, true])
  })

  it.each([
    ['whole drawings', 1, 33],
    ['parts', 4, 0],
  ])('halves the rate of what can yield where frames get long: %s', (_what, parts, interval) => {
    const [yielding, firm] = [new Noted(interval, { canYield: true, parts }), new Noted(interval, { parts })]
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    loop.add(yielding)
    loop.add(firm)
    const pass = (count: number, milliseconds: number): void => {
      for (let frame = 0; frame < count; frame += 1) {
        loop.markDirty()
        frames.pass(1, milliseconds)
      }
    }
    const counted = (): [number, number] => [yielding.drawings.splice(0).length, firm.drawings.splice(0).length]

    pass(120, 11)
    const [before, firmBefore] = counted()
    pass(120, 33)
    counted()
    pass(120, 33)
    const [behind, firmBehind] = counted()

    expect(before).toBe(firmBefore)
    expect(behind).toBe(firmBehind / 2)
  })

  it('keeps drawing the others where one fails', () => {
    const frames = new Frames()
    const loop = new FrameLoop(frames.source)
    const panel = new Noted(0)
    const said: unknown[] = []
    const { error } = console
    console.error = (fault: unknown) => said.push(fault)
    loop.add({ interval: 0, draw: () => { throw new Error('broken') } })
    loop.add(panel)

    frames.pass(1, 16)
    console.error = error

    expect(panel.drawings.length).toBe(1)
    expect(said).toEqual([new Error('broken')])
  })
})
