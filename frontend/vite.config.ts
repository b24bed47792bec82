/**
 * Builds the pages' scripts and styles into `dist/monitor/`, under names that stay the same from build to build.
 *
 * Django's manifest storage adds the content hash and rewrites the imports between chunks, so the names here carry none
 * and every path is relative. `theme.ts` must not share code with another entry: it is loaded as a classic script, before
 * the first paint, and a classic script cannot import.
 */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  base: './',
  publicDir: false,
  resolve: { alias: { 'backtest-stream': here('../clients/typescript/src/index.ts') } },
  build: {
    outDir: 'dist/monitor',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    license: { fileName: 'licenses.txt' },
    rolldownOptions: {
      input: {
        site: here('src/site.ts'),
        session: here('src/session.ts'),
        sessions: here('src/sessions.ts'),
        compare: here('src/compare.ts'),
        stream_worker: here('src/stream_worker.ts'),
        theme: here('src/theme.ts'),
        monitor: here('src/styles/monitor.css'),
        admin: here('src/styles/admin.css'),
        api_docs: here('src/styles/api_docs.css'),
      },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: 'chunk-[name].js',
        assetFileNames: '[name][extname]',
      },
    },
  },
  // The client's tests run here as well, on this package's tools: one installation checks both.
  test: {
    include: ['tests/**/*.test.ts', '../clients/typescript/tests/**/*.test.ts'],
    alias: { vitest: here('node_modules/vitest/dist/index.js') },
    environment: 'node',
  },
})
