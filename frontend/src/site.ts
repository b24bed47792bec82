/** What every page has: the keys and help, under the question mark. */

import { byId, setHidden } from './dom.ts'
import { areShortcutsOn, belongsTo, commandOf, keepShortcuts } from './shortcuts.ts'

function wireHelp(): void {
  const dialog = byId<HTMLDialogElement>('help')
  const button = byId<HTMLButtonElement>('help-button')
  const choice = byId<HTMLInputElement>('shortcuts-on')
  if (dialog === null) return
  setHidden(button, false)
  button?.addEventListener('click', () => dialog.showModal())
  if (choice !== null) {
    choice.checked = areShortcutsOn()
    choice.addEventListener('change', () => keepShortcuts(choice.checked))
  }
  document.addEventListener('keydown', (event) => {
    if (commandOf(event) !== 'help' || belongsTo(event.target, event.key) || !areShortcutsOn()) return
    event.preventDefault()
    dialog.showModal()
  })
}

wireHelp()
