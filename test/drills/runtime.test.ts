import { test } from 'vitest';
import { haproxyVersions } from '../support/haproxy-versions.ts';
import { runtimeDrillsOn } from './runtime.ts';

test.each(haproxyVersions.flatMap(runtimeDrillsOn))('$name', async (drill) => {
  await drill.run('short');
});
