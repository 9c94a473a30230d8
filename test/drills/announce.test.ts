import { test, vi } from 'vitest';
import { announceDrills } from './announce.ts';

/** The gate has those that tell most; `npm run test:all` all of them. */
const GATE = [
  /in turn.*auto/,
  /killed, crashed.*auto/,
  /upgraded.*auto/,
  /die while dockerd is away with.*auto/,
  /dead for longer.*auto/,
  /--exec.*auto/,
];

const all = process.env.TEST_ALL === '1';

// Most of their time is waiting for servers.
vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

test.concurrent.each(announceDrills.filter(({ name }) => all || GATE.some((one) => one.test(name))))(
  '$name',
  async (drill) => {
    await drill.run('short');
  },
);
