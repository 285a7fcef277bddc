import { defineConfig } from 'vitest/config';

const setupFiles = ['./test/fail-on-warning.ts'];

// One project per kind of test: see docs/development.md for what each may use.
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], setupFiles, testTimeout: 5_000 },
      },
      {
        test: {
          name: 'house',
          include: ['test/house/**/*.test.ts'],
          setupFiles,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          setupFiles,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          setupFiles,
          testTimeout: 120_000,
          hookTimeout: 240_000,
          // Two cores under TCG: VMs of two files at once would only slow each other down.
          fileParallelism: false,
        },
      },
    ],
  },
});
