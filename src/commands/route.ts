import { visibleLines } from '../model/visible.ts';
import { isAnswered, type RouteFound, routeOf } from '../routing/route-of.ts';
import { requestOf } from '../routing/route-request.ts';
import { PACKAGED_TEMPLATE } from '../settings/schema.ts';
import { readTemplateSet } from '../templates/read-template-set.ts';
import { ServedTree } from '../tree/served-tree.ts';
import { catalogOptions } from './assemble.ts';
import { EXIT, type ExitCode, type FromFlags, type Io } from './io.ts';
import { fillFrom, settingsOf } from './open.ts';

/** The flags of `route`. */
export interface RouteFlags extends FromFlags {
  readonly header: readonly string[];
  readonly method?: string;
  readonly json?: boolean;
}

/** Says which rule answers a URL, and why not another. Ends with 1 where nobody answers. */
export async function route(io: Io, url: string, flags: RouteFlags): Promise<ExitCode> {
  const { header: headers, method } = flags;
  const request = requestOf(url, { headers, ...(method === undefined ? {} : { method }) });
  const settings = await settingsOf(io, flags);
  const served = new ServedTree({ catalog: catalogOptions(settings), emit: () => {} });
  await fillFrom(io, settings, { served, ...flags });
  const { services, routes, rejected } = served.catalog;
  const { vars, template } = settings;
  const found = routeOf({ services, routes, rejected, vars }, request);
  const unknown = await whatIsUnknown(template);
  const notes = [...found.notes, ...(unknown === null ? [] : [unknown])];
  const text = flags.json ? JSON.stringify({ ...found, notes }, null, 2) : lines(found, notes).join('\n');
  io.out(`${visibleLines(text)}\n`);
  return isAnswered(found) ? EXIT.fine : EXIT.failed;
}

function lines({ answer, others }: RouteFound, notes: readonly string[]): readonly string[] {
  return [
    ...answerLines(answer),
    ...(others.length > 0 ? ['', 'not by:'] : []),
    ...others.map(({ service, rule, failed, why }) => `  ${service}  ${rule}  (${failed}) ${why}`),
    ...(notes.length > 0 ? [''] : []),
    ...notes.map((note) => `note: ${note}`),
  ];
}

function answerLines(answer: RouteFound['answer']): readonly string[] {
  switch (answer.kind) {
    case 'service': {
      const { service, backend, rule, servers, idle } = answer;
      const status = servers.length === 0 ? ', which answers 503: no server takes new sessions' : '';
      return [
        `${service}  by ${rule}`,
        `  backend ${backend}${status}`,
        ...servers.map(({ id, address, backup }) => `  ${id}  ${address}${backup ? '  backup' : ''}`),
        ...idle.map(({ id, why }) => `  ${id}  gets no new sessions: ${why}`),
      ];
    }
    case 'health':
      return ['HAProxy itself: vars.healthUri'];
    case 'stats':
      return ['HAProxy itself: the statistics (vars.stats)'];
    case 'nobody':
      return ['404: no rule fits, and there is no vars.defaultService'];
    case 'no listener':
      return [
        `nothing listens on port ${answer.port}`,
        '  where a load balancer stands in front, leave its port out',
      ];
  }
}

/** Blocks of the packaged template that decide who answers. */
const DECIDING =
  /\{%-?\s*block\s+(http|http_bind|http_health|http_rules|http_routes|http_unrouted|own_ports|backends)\b/g;
const EXTENDS = /\{%-?\s*extends\s+["']pointsman\/haproxy\.cfg\.njk["']/;

/** What a template of one's own may do otherwise, for people; null for the packaged one, or where it routes just as that. */
async function whatIsUnknown(template: string): Promise<string | null> {
  if (template === PACKAGED_TEMPLATE) {
    return null;
  }
  const { files, entry } = await readTemplateSet(template);
  const said = `this is what the routes of the tree mean to the packaged template; what ${template} makes of them is not known here`;
  if (!EXTENDS.test(files.get(entry) ?? '')) {
    return said;
  }
  const own = [...files].flatMap(([name, text]) => (name.startsWith('pointsman/') ? [] : [text]));
  const blocks = new Set(own.flatMap((text) => [...text.matchAll(DECIDING)].map(([, name]) => name)));
  return blocks.size === 0 ? null : `${said}: it has blocks of its own (${[...blocks].join(', ')})`;
}
