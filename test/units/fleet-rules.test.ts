import { describe, expect, test } from 'vitest';
import { fleetComplaints } from '../../src/units/fleet-rules.ts';
import { sectionsOf } from '../../src/units/unit-sections.ts';

const unit = (...lines: string[]) => `[Service]\nExecStart=/bin/true\n\n[X-Fleet]\n${lines.join('\n')}\n`;

describe('fleet takes', () => {
  test.each([
    ['Global=true', 'MachineMetadata=role=web'],
    ['Global=true', 'Conflicts=web@*.service'],
    ['Conflicts=web@*.service other.service', 'Conflicts=third.service', 'MachineMetadata="a=b" "c=d"'],
    ['MachineOf=web@1.service', 'Conflicts=api@*.service'],
    ['Global=false', 'MachineOf=web@1.service'],
    ['MachineID=148a18ff-6e95-4cd8-92da-c9de9bb90d5a', 'MachineMetadata=role=web'],
  ])('%s, %s', (...lines) => {
    expect(fleetComplaints('web@1.service', unit(...lines))).toEqual([]);
  });

  test('a unit without [X-Fleet], and one with none but comments in it', () => {
    expect(fleetComplaints('web.service', '[Service]\nExecStart=/bin/true\n')).toEqual([]);
    expect(fleetComplaints('web.service', unit('# Nothing=here', '; X=y'))).toEqual([]);
  });
});

describe('fleet refuses', () => {
  test.each([
    ['an unknown key', ['Globel=true'], '[X-Fleet] knows no Globel'],
    [
      'MachineID with MachineOf',
      ['MachineID=a', 'MachineOf=b.service'],
      'MachineID and MachineOf exclude each other',
    ],
    ['MachineID with Conflicts', ['MachineID=a', 'Conflicts=b.service'], 'MachineID and Conflicts exclude'],
    ['MachineID with Global', ['MachineID=a', 'Global=yes'], 'MachineID and Global exclude'],
    ['MachineID with Replaces', ['MachineID=a', 'Replaces=b.service'], 'MachineID and Replaces exclude'],
    ['Global with MachineOf', ['Global=1', 'MachineOf=b.service'], 'Global and MachineOf exclude'],
    ['Global with Replaces', ['Global=on', 'Replaces=b.service'], 'Global and Replaces exclude'],
    [
      'Conflicts with Replaces',
      ['Conflicts=a.service', 'Replaces=b.service'],
      'Conflicts and Replaces exclude',
    ],
    [
      'a target that it conflicts with',
      ['MachineOf=web@1.service', 'Conflicts=web@*.service'],
      'MachineOf=web@1.service is what web@*.service keeps away',
    ],
    ['metadata that is no pair', ['MachineMetadata=web'], 'MachineMetadata=web is no name=value'],
  ])('%s', (_, lines, found) => {
    expect(fleetComplaints('web@1.service', unit(...lines)).join('\n')).toContain(found);
  });

  test('[Install], and names that it does not take', () => {
    expect(fleetComplaints('web.service', '[Install]\nWantedBy=multi-user.target\n')).toEqual([
      expect.stringContaining('[Install] belongs to systemd'),
    ]);
    expect(fleetComplaints('we b.service', unit())).toHaveLength(1);
    expect(fleetComplaints('web@1.mount', unit())).toHaveLength(1);
    expect(fleetComplaints('web', unit())).toHaveLength(1);
  });
});

test('sections of a unit: keys repeat, lines are joined over comments between them', () => {
  const text =
    '# a\n[Unit]\nAfter=a\nAfter = b\n\n[Service]\nExecStart=/bin/x \\\n# between\n  --y\n;z\nEmpty=\n';
  expect(sectionsOf(text)).toEqual([
    {
      name: 'Unit',
      options: [
        { key: 'After', value: 'a' },
        { key: 'After', value: 'b' },
      ],
    },
    {
      name: 'Service',
      options: [
        { key: 'ExecStart', value: '/bin/x    --y' },
        { key: 'Empty', value: '' },
      ],
    },
  ]);
});
