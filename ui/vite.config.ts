import { defineConfig } from 'vite';
import { files } from './build/files.mjs';
import { licenses } from './build/licenses.mjs';
import { preload } from './build/preload.mjs';

// Names are flat and relative: the page works below any prefix. Their hash has ten characters, by which
// the server knows that a file never changes (crates/page).
export default defineConfig({
  base: './',
  plugins: [licenses(), preload('Page'), files()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    assetsDir: '',
    target: 'es2023',
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        hashCharacters: 'hex',
        entryFileNames: '[name]-[hash:10].js',
        chunkFileNames: '[name]-[hash:10].js',
        assetFileNames: '[name]-[hash:10][extname]',
      },
    },
  },
  server: {
    proxy: {
      '/loki': process.env.SKALD ?? 'http://127.0.0.1:3100',
      '/skald': process.env.SKALD ?? 'http://127.0.0.1:3100',
    },
  },
});
