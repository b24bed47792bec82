/**
 * Light, dark, or as the system says: applied before the first paint, changed by a button, kept in this browser.
 *
 * Loaded as a classic script in the head: it blocks painting for the moment it takes, so that no page flashes in the
 * wrong theme. Without it the page follows the system.
 */

type Theme = 'system' | 'light' | 'dark'

const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const STORAGE_KEY = 'theme'

function savedTheme(): Theme {
  try {
    const saved = localStorage.getItem(STORAGE_KEY)
    return THEMES.find((theme) => theme === saved) ?? 'system'
  } catch {
    // Storage is refused in some private windows; the choice then lasts as long as the page.
    return 'system'
  }
}

function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}

function saveTheme(theme: Theme): void {
  try {
    localStorage.setItem(STORAGE_KEY, theme)
  } catch {
    // As in savedTheme: nothing to keep it in.
  }
}

function wireButton(button: HTMLButtonElement): void {
  let theme = savedTheme()
  const label = button.querySelector('[data-theme-label]')
  const show = (): void => {
    if (label !== null) label.textContent = `Theme: ${theme}`
    button.dataset['themeChoice'] = theme
  }
  button.hidden = false
  show()
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system'
    applyTheme(theme)
    saveTheme(theme)
    show()
    document.dispatchEvent(new CustomEvent('themechange'))
  })
}

applyTheme(savedTheme())
document.addEventListener('DOMContentLoaded', () => {
  document.querySelectorAll<HTMLButtonElement>('button[data-theme-button]').forEach(wireButton)
})
