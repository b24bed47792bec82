/**
 * Says of every panel which face it has, in a mark that its colours follow and in a sentence beneath its heading.
 *
 * The header says how the line is for the page as a whole and tells it to those who listen; the sentences here are for the
 * eye that rests on one panel, and are silent.
 */

import { byId, create, setData, setHidden, setText } from '../dom.ts'
import type { AnswerState } from '../live/answers.ts'
import type { Panel } from '../live/frame_loop.ts'
import { askingFace, momentFace, streamFace, transportFace, type MomentFacts, type PanelFace, type StreamFacts } from '../live/panel_faces.ts'

/** Panels that show nothing but the moment that is looked at. */
const OF_THE_MOMENT = ['figures', 'graph', 'positions', 'trades', 'node-events', 'nodes'] as const
/** What is read in less time than this is not announced: a sentence that flashes tells nothing. */
const WORTH_TELLING_MS = 500

export interface FaceFacts {
  readonly stream: StreamFacts
  readonly moment: MomentFacts
  /** Of the day's series, on which the charts live. */
  readonly series: AnswerState
  /** Of the chosen node's memory. */
  readonly why: AnswerState
}

export class FacesPanel implements Panel {
  readonly interval = 100
  readonly #facts: () => FaceFacts
  readonly #redraw: () => void
  readonly #notes = new Map<string, HTMLElement>()
  readonly #loadingSince = new Map<string, number>()

  constructor(facts: () => FaceFacts, redraw: () => void) {
    this.#facts = facts
    this.#redraw = redraw
  }

  draw(now: number): void {
    const { stream, moment, series, why } = this.#facts()
    const ofStream = streamFace(stream)
    const ofMoment = momentFace(ofStream, moment)
    for (const id of OF_THE_MOMENT) this.#show(id, ofMoment, now)
    // The day is on the charts whatever moment is looked at.
    this.#show('charts', askingFace(ofStream, series), now)
    this.#show('why', askingFace(ofMoment, why), now)
    this.#show('transport', transportFace(ofStream, moment), now)
  }

  #show(id: string, { face, words }: PanelFace, now: number): void {
    const panel = byId(id)
    if (panel === null) return
    const shown = face === 'live' && isBlank(panel) ? 'empty' : face
    setData(panel, 'face', shown)
    const isLoading = shown === 'loading'
    if (isLoading !== (panel.getAttribute('aria-busy') === 'true')) panel.setAttribute('aria-busy', String(isLoading))
    const isTold = words !== '' && !(shown === 'empty' && isBlank(panel)) && (!isLoading || this.#isLong(id, now))
    if (!isLoading) this.#loadingSince.delete(id)
    const note = isTold ? this.#noteOf(id, panel) : this.#notes.get(id)
    setText(note, isTold ? words : '')
    setHidden(note, !isTold)
  }

  #isLong(id: string, now: number): boolean {
    const since = this.#loadingSince.get(id)
    if (since !== undefined) return now - since >= WORTH_TELLING_MS
    this.#loadingSince.set(id, now)
    setTimeout(this.#redraw, WORTH_TELLING_MS + 50)
    return false
  }

  #noteOf(id: string, panel: HTMLElement): HTMLElement {
    let note = this.#notes.get(id)
    if (note === undefined) {
      note = newNote(panel)
      this.#notes.set(id, note)
    }
    return note
  }
}

/** Whether the panel says by itself that it has nothing to show: "No trade has closed yet." */
function isBlank(panel: HTMLElement): boolean {
  const words = panel.querySelector<HTMLElement>(':scope > .empty')
  return words !== null && !words.hidden
}

function newNote(panel: HTMLElement): HTMLElement {
  if (panel.id === 'transport') return byId('transport-fault') ?? create('p')
  const note = create('p', 'face-note')
  note.hidden = true
  const heading = panel.querySelector(':scope > .panel-head, :scope > h2')
  if (heading === null) panel.after(note)
  else heading.after(note)
  return note
}
