import { defineConfig } from 'vitest/config';
import { testEnvironment } from './test/test-environment.ts';
import { WorkloadLast } from './test/workload-last.ts';

const shared = {
  setupFiles: ['./test/fail-on-warning.ts'],
  globalSetup: ['./test/own-directories.ts'],
  env: testEnvironment,
};
/** For tests that run the built package and the guest agent. */
const ofBuild = {
  ...shared,
  // Loaded by Node, as a user's program loads it.
  server: { deps: { external: [/\/dist\//] } },
  globalSetup: ['./test/build-if-changed.ts', ...shared.globalSetup],
};

// One project per kind of test: see docs/development.md for what each may use.
export default defineConfig({
  test: {
    sequence: { sequencer: WorkloadLast },
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 30_000,
          // Pure code: one process for all files takes a third of the time.
          isolate: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'house',
          include: ['test/house/**/*.test.ts'],
          testTimeout: 90_000,
          isolate: false,
        },
      },
      {
        test: {
          ...ofBuild,
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          testTimeout: 30_000,
          // A process for each of 190 files would take half a second of processor time each.
          isolate: false,
          restoreMocks: true,
          unstubEnvs: true,
          unstubGlobals: true,
        },
      },
      {
        test: {
          ...ofBuild,
          globalSetup: [...ofBuild.globalSetup, './test/build-images.ts'],
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          // As for process tests; a process with many VMs is also what a program of a user is.
          isolate: false,
          restoreMocks: true,
          unstubEnvs: true,
          unstubGlobals: true,
          // Two cores under TCG: VMs of two files at once would only slow each other down.
          fileParallelism: false,
        },
      },
      {
        test: {
          ...ofBuild,
          globalSetup: [...ofBuild.globalSetup, './test/build-images.ts'],
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          // Each may build an image of its own.
          testTimeout: 300_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...ofBuild,
          globalSetup: [...ofBuild.globalSetup, './test/build-images.ts'],
          name: 'slurm',
          include: ['test/slurm/**/*.test.ts'],
          testTimeout: 400_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...ofBuild,
          globalSetup: [...ofBuild.globalSetup, './test/build-images.ts'],
          name: 'kubernetes',
          include: ['test/kubernetes/**/*.test.ts'],
          // Three Pods, one after another, and the package that they have.
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
