import { expect, test } from 'vitest';
import { parseDown } from '../../src/haproxy/down-servers.ts';

const HEADER =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change';

test('parseDown() names the servers that a check stopped, and not those in maintenance', () => {
  const rows = [
    '3 be_web 1 up 127.0.0.1 2 0 1 1 5',
    '3 be_web 2 down 127.0.0.1 0 0 1 1 5',
    '3 be_web 3 by-hand 127.0.0.1 0 1 1 1 5',
    '3 be_web 4 unresolved - 0 32 1 1 5',
    '3 be_web 5 drained 127.0.0.1 0 8 1 1 5',
  ];
  expect(parseDown(['1', HEADER, ...rows, ''].join('\n'))).toEqual(
    new Set(['be_web/down', 'be_web/drained']),
  );
});

test('parseDown() takes no other answer for one', () => {
  expect(parseDown('')).toBeNull();
  expect(parseDown('Unknown command\n')).toBeNull();
});
