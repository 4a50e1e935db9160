import { defineConfig } from 'vitest/config';

// No inlined assets: the service sends a Content-Security-Policy that allows only its own files.
export default defineConfig({
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  base: './',
  build: { target: 'es2022', assetsInlineLimit: 0, sourcemap: false },
  test: { include: ['test/**/*.test.{ts,mjs}'], setupFiles: ['test/setup.mjs'] },
});
