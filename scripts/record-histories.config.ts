import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    pool: 'forks',
    include: ['test/workflow/record-histories.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
