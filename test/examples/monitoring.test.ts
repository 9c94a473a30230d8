import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { SETTING_KEYS } from '../../src/settings/schema.ts';
import { promtool } from '../support/promtool.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = path.join(ROOT, 'examples/monitoring');
const read = (name: string) => readFileSync(path.join(ROOT, name), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly query: string }[] };
}

const { groups } = parse(read('examples/monitoring/alerts.yaml')) as {
  groups: readonly { readonly rules: readonly Rule[] }[];
};
const RULES = groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(read('examples/monitoring/dashboard.json')) as Dashboard;

/** The labels of each metric, as docs/metrics.md has them, which another test holds against the real ones. */
const METRICS = new Map(
  read('docs/metrics.md')
    .split('\n')
    .flatMap((line) => {
      const [, name = '', type = '', labels = ''] = line.split('|').map((cell) => cell.trim());
      const found = /^`(pointsman_\w+)`$/.exec(name)?.[1];
      const all = [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label);
      return found === undefined ? [] : [[found, { type, labels: new Set(all) }] as const];
    }),
);

/** What of a query is no metric or label of ours. */
function strangersIn(query: string, legend = ''): string[] {
  const names = new Set([...query.matchAll(/\bpointsman_\w+/g)].map(([name]) => name));
  const known = new Set(['job', 'instance', 'hash', 'le']);
  const strangers: string[] = [];
  for (const name of names) {
    const metric = METRICS.get(name) ?? METRICS.get(name.replace(/_(?:bucket|count|sum)$/, ''));
    if (metric === undefined || (name.endsWith('_bucket') && metric.type !== 'histogram')) {
      strangers.push(name);
    }
    metric?.labels.forEach((label) => void known.add(label));
  }
  const lists = [
    ...[...query.matchAll(/\b(?:by|on|without) \(([^)]*)\)/g)].map(([, list = '']) => list.split(/\s*,\s*/)),
    ...[...query.matchAll(/\{([^}]*)\}/g)].map(([, all = '']) =>
      [...all.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    ),
    [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
  ];
  return [...strangers, ...lists.flat().filter((label) => label !== '' && !known.has(label))];
}

const seconds = (text: string) =>
  Number.parseInt(text, 10) * (text.endsWith('h') ? 3600 : text.endsWith('m') ? 60 : 1);

test('promtool accepts the scrape configuration and the rules, and each alert fires over its cause alone', async () => {
  expect(await promtool(['check', 'config', 'prometheus.yaml'], { cwd: FOLDER })).toMatchObject({ code: 0 });
  expect(await promtool(['test', 'rules', 'alerts.test.yaml'], { cwd: FOLDER })).toMatchObject({ code: 0 });
});

test('each alert is tested', () => {
  const tests = read('examples/monitoring/alerts.test.yaml');
  expect(RULES.length).toBeGreaterThan(20);
  expect(RULES.filter(({ alert }) => !tests.includes(`alertname="${alert}"`))).toEqual([]);
});

test('no alert is of one host, none fires before guard.hold is over, and what wakes somebody is capacity or a change that waits', () => {
  const hold = seconds(String(SETTING_KEYS.find(({ path: key }) => key === 'guard.hold')?.default));
  expect(hold).toBeGreaterThan(0);
  expect(RULES.filter((rule) => seconds(rule.for) < hold)).toEqual([]);
  expect(
    RULES.filter(({ expr }) => !/^\(*\s*(?:min|max|sum|avg|count|histogram_quantile)\b/.test(expr)),
  ).toEqual([]);
  expect(RULES.filter(({ labels }) => labels.severity === 'page').map(({ alert }) => alert)).toEqual([
    'PointsmanServiceDown',
    'PointsmanCapacityLost',
    'PointsmanFrontsLost',
    'PointsmanChangesPending',
  ]);
});

test('each alert asks for real metrics and labels, and names a page that is there', () => {
  expect(RULES.flatMap(({ expr }) => strangersIn(expr))).toEqual([]);
  for (const { annotations } of RULES) {
    const [page = '', anchor] = annotations.runbook.split('#');
    expect(existsSync(path.join(ROOT, page)), page).toBe(true);
    const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => slugOf(title));
    expect(anchor === undefined || headings.includes(anchor), annotations.runbook).toBe(true);
  }
});

test('each query of the dashboard asks for real metrics and labels, and promtool can read it', async () => {
  const targets = dashboard.panels.flatMap(({ targets: all }) => all);
  expect(targets.length).toBeGreaterThan(25);
  expect(targets.flatMap(({ expr, legendFormat }) => strangersIn(expr, legendFormat))).toEqual([]);
  expect(dashboard.templating.list.flatMap(({ query }) => strangersIn(query))).toEqual([]);
  const rules = targets.map(({ expr }, at) => ({
    record: `panel:${at}`,
    expr: expr.replaceAll('$__rate_interval', '5m'),
  }));
  const folder = await mkdtemp(path.join(tmpdir(), 'pm-'));
  try {
    await writeFile(path.join(folder, 'rules.json'), JSON.stringify({ groups: [{ name: 'all', rules }] }));
    expect(await promtool(['check', 'rules', 'rules.json'], { cwd: folder })).toMatchObject({ code: 0 });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what is no metric, label or page would be found', () => {
  expect(strangersIn('sum by (host) (pointsman_nothing{of="raw"})')).toEqual([
    'pointsman_nothing',
    'host',
    'of',
  ]);
  expect(strangersIn('pointsman_ready', '{{service}}')).toEqual(['service']);
});

test('docs/metrics.md tells of each alert, and of no other', () => {
  const told = [...read('docs/metrics.md').matchAll(/^\| `(Pointsman\w+)` /gm)].map(([, name]) => name);
  expect(told.toSorted()).toEqual(RULES.map(({ alert }) => alert).toSorted());
});

function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(/\s/g, '-');
}
