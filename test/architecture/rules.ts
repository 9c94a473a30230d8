import { type Import, importsOf, type SourceFile, withoutComments } from './source-file.ts';

/** What the whole core may import besides itself. */
const CORE = ['model', 'render', 'plan', 'ports', 'events.ts', 'events-guard.ts', 'events-haproxy.ts'];

/** What each part may import besides itself and `errors.ts`. A name that ends in `.ts` is that one file. */
const MAY: Readonly<Record<string, readonly string[] | 'everything'>> = {
  'errors.ts': [],
  'events.ts': ['events-file.ts', 'events-guard.ts', 'events-haproxy.ts', 'events-ledger.ts'],
  'events-file.ts': [],
  'events-ledger.ts': [],
  'events-guard.ts': [],
  'events-haproxy.ts': [],
  system: ['plan/mark.ts'],
  model: [],
  render: ['model'],
  plan: ['model'],
  routing: ['model', 'plan'],
  settings: ['model', 'system'],
  ports: ['model', 'render', 'plan', 'events-guard.ts', 'events-haproxy.ts'],
  tree: ['model', 'ports', 'events.ts', 'events-guard.ts', 'guard'],
  guard: ['model', 'ports', 'events.ts', 'events-guard.ts'],
  quarantine: ['model', 'render', 'plan', 'ports', 'events.ts', 'tree'],
  rollout: CORE,
  reconcile: [...CORE, 'tree', 'guard', 'quarantine', 'rollout'],
  sources: ['model', 'ports', 'system'],
  templates: ['render', 'ports', 'system'],
  haproxy: ['plan', 'ports', 'system', 'events-haproxy.ts'],
  state: ['model', 'plan', 'ports', 'system', 'events-guard.ts'],
  ledger: ['model', 'plan', 'ports', 'system', 'events.ts', 'events-guard.ts', 'events-haproxy.ts'],
  status: [
    'model',
    'ports/server-health.ts',
    'events.ts',
    'events-guard.ts',
    'events-haproxy.ts',
    'ledger/ledger-entry.ts',
    'system',
  ],
  page: ['model', 'status', 'system', 'events.ts', 'ledger/ledger-entry.ts'],
  announce: ['model', 'ports', 'system', 'sources'],
  units: [
    'model',
    'render',
    'settings/explain.ts',
    'settings/leaf.ts',
    'settings/values.ts',
    'settings/yaml-lines.ts',
  ],
  migrate: ['render'],
  testing: ['model', 'render', 'routing', 'sources', 'templates'],
  commands: 'everything',
  'main.ts': 'everything',
};

const PURE = [
  'model',
  'render',
  'plan',
  'routing',
  'units',
  'migrate',
  'events.ts',
  'events-file.ts',
  'events-guard.ts',
  'events-haproxy.ts',
  'events-ledger.ts',
];
const PURE_MODULES: Readonly<Record<string, readonly string[]>> = {
  render: ['nunjucks', 're2js'],
  units: ['yaml', 'zod'],
  migrate: ['smol-toml'],
};
const HASHES = new Set(['createHash', 'hash']);
/** These know time by `ports/clock.ts` alone, so that a simulation can be the time. */
const TIMED = ['tree', 'guard', 'quarantine', 'rollout', 'reconcile'];
const OF_TIME: typeof IMPURE = [
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\./, 'reads the clock'],
  [/\bset(?:Timeout|Interval|Immediate)\(/, 'starts a timer'],
];
const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\b|\bDate\(/, 'reads the clock'],
  [/\bperformance\./, 'reads the clock'],
  [/\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b/, 'is random'],
  [/\bset(?:Timeout|Interval|Immediate)\(/, 'starts a timer'],
  [/\bconsole\./, 'logs'],
  [/\bprocess\./, 'looks at the process'],
  [/\bfetch\(/, 'talks to the network'],
];

/** The part a file belongs to: its folder, or the file itself at the top. */
export function partOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}

/** Imports that STYLE's layout does not allow, one line each. */
export function forbiddenImports(files: readonly SourceFile[]): string[] {
  const paths = new Set(files.map((file) => file.path));
  return files.flatMap((file) => importsOf(file).flatMap((found) => judge(file.path, found, paths)));
}

function judge(path: string, found: Import, paths: ReadonlySet<string>): string[] {
  const part = partOf(path);
  const may = MAY[part];
  if (may === undefined) {
    return [`${path}: the layout knows no ${part}`];
  }
  if (found.kind === 'module') {
    return judgeModule(path, part, found);
  }
  if (!paths.has(found.path)) {
    return [`${path}: imports ${found.path}, which is not there`];
  }
  const target = partOf(found.path);
  if (target === part || found.path === 'errors.ts') {
    return [];
  }
  if (target === 'main.ts') {
    return [`${path}: nobody imports main.ts`];
  }
  if (may === 'everything' || may.includes(target) || may.includes(found.path)) {
    return [];
  }
  return [`${path}: ${part} may not import ${found.path}`];
}

function judgeModule(
  path: string,
  part: string,
  found: { readonly name: string; readonly clause: string },
): string[] {
  if (!PURE.includes(part)) {
    return [];
  }
  if (found.name === 'node:path/posix') {
    return [];
  }
  if (found.name === 'node:crypto' && onlyHashes(found.clause)) {
    return [];
  }
  if (PURE_MODULES[part]?.includes(found.name)) {
    return [];
  }
  return [`${path}: ${part} is pure and may not import ${found.name}`];
}

function onlyHashes(clause: string): boolean {
  const names = clause.replace(/[{}]/g, ' ').split(',');
  return names.map((name) => name.trim()).every((name) => name === '' || HASHES.has(name));
}

/** Places in the pure folders that depend on more than their input, one line each. */
export function impurities(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const part = partOf(file.path);
    const rules = PURE.includes(part) ? IMPURE : TIMED.includes(part) ? OF_TIME : [];
    const code = rules.length > 0 ? withoutComments(file.text) : '';
    return rules.filter(([pattern]) => pattern.test(code)).map(([, what]) => `${file.path}: ${what}`);
  });
}

/** Every import cycle as `a -> b -> a`, each once; type-only and lazy imports count too. */
export function cycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [file.path, importsOf(file).flatMap((i) => (i.kind === 'ours' ? [i.path] : []))]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      found.push([...trail.slice(at), path].join(' -> '));
    }
    if (at >= 0 || done.has(path)) {
      return;
    }
    for (const next of edges.get(path) ?? []) {
      visit(next, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of edges.keys()) {
    visit(path, []);
  }
  return found;
}

const EXPORT =
  /^export\s+(?:declare\s+)?(?:default\s+)?(?:async\s+)?(?:abstract\s+)?(?:function\*?|class|const|let|type|interface)\s+(\w+)/;

/**
 * Exports without a doc comment right above them, as `path:line name`. Overloads share the first one's. `…Options`,
 * `…Settings` and `…Parts` say by their names and their fields what they are.
 */
export function undocumented(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const lines = file.text.split('\n');
    const documented = new Set<string>();
    return lines.flatMap((line, index) => {
      const name = EXPORT.exec(line)?.[1];
      if (name === undefined || /^[A-Z]\w*(?:Options|Settings|Parts)$/.test(name)) {
        return [];
      }
      const above = lines[index - 1]?.trim() ?? '';
      if (above.endsWith('*/')) {
        documented.add(name);
      }
      return documented.has(name) ? [] : [`${file.path}:${index + 1} ${name}`];
    });
  });
}
