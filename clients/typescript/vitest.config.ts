import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The hook's tests, on one React. Its packages are told by their folder, so that two can be installed. */
function react(major: string, modules: string) {
  const folder = (name: string) => ({ find: new RegExp(`^${name}(?=/|$)`), replacement: here(`${modules}/${name}`) })
  return {
    test: {
      name: `react ${major}`,
      include: ['tests/react/**/*.test.tsx'],
      setupFiles: ['tests/react/dom.ts'],
      environment: 'node' as const,
      provide: { reactMajor: major },
      alias: [folder('react-dom'), folder('react')],
    },
  }
}

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic' } },
  test: {
    projects: [
      { test: { name: 'protocol', include: ['tests/**/*.test.ts'], environment: 'node' } },
      react('18', 'tests/react_18/node_modules'),
      react('19', 'node_modules'),
    ],
  },
})
