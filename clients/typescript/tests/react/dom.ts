/**
 * A document for React, in a process that keeps Node's own fetch, timers and abort signals.
 *
 * A test environment would replace those by imitations; the hook is to meet the real ones.
 */

import { Window } from 'happy-dom'

const window = new Window({ url: 'http://127.0.0.1/' })
const globals = {
  window,
  document: window.document,
  navigator: window.navigator,
  requestAnimationFrame: window.requestAnimationFrame.bind(window),
  cancelAnimationFrame: window.cancelAnimationFrame.bind(window),
}
for (const [name, value] of Object.entries(globals)) {
  // Not by assignment: newer Nodes have a navigator of their own that cannot be set.
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}
