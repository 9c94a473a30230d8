import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  // examples/custom-template imports the package by its name.
  resolve: {
    alias: {
      'pointsman/testing': fileURLToPath(new URL('src/testing/render-fixture.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    // A host with systemd and an engine of its own takes minutes.
    exclude: process.env.TEST_ALL === '1' ? [] : ['test/examples/coreos-run.test.ts'],
    // Whatever the tests started ends with them, even where vitest is killed.
    globalSetup: ['test/support/reaper.ts'],
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // For two cores, the usual machine: tests wait for servers most of their time. With more, servers wait for each other.
    maxWorkers: 4,
    resolveSnapshotPath: (file, extension) => `${file}${extension}`,
  },
});
