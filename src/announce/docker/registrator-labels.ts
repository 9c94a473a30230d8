import type { Container } from './engine-answers.ts';
import { type ReadWanted, readWanted, type WantedService, type Written } from './wanted-service.ts';

const NAME = /^SERVICE_(?:(\d{1,5})_)?([A-Za-z0-9_]+)$/;
/** What of registrator's names is no field of `meta`. */
const READ: ReadonlySet<string> = new Set(['name', 'tags', 'ignore', 'id', 'check_http', 'check_tcp']);

type Attributes = Readonly<Record<string, string>>;

/**
 * The services that a container asks for as registrator reads it: `SERVICE_NAME`, `SERVICE_TAGS`, `SERVICE_ID`, `SERVICE_IGNORE`,
 * `SERVICE_CHECK_HTTP`, `SERVICE_CHECK_TCP`, and with `SERVICE_8080_` the same for one port, as labels or in its environment, which
 * wins; whatever else begins so goes to `meta`. Every published TCP port is a service; where there are several, one that has no
 * name of its own is `<name>-<port>` (bridge/bridge.go, newService; bridge/util.go, serviceMetaData). As with its
 * `-explicit`, a container without any name is not announced.
 */
export function readRegistratorLabels(
  container: Pick<Container, 'labels' | 'env' | 'network' | 'bindings'>,
): ReadWanted {
  const { all, own } = sorted({ ...container.labels, ...container.env });
  const published = [...new Set(container.bindings.map((binding) => binding.container))];
  // At the host's network nothing is published: the ports that are named are all that is known.
  const ports = (container.network.kind === 'host' ? [...own.keys()] : published).sort((a, b) => a - b);
  const complaints: string[] = [];
  const wanted = ports.flatMap((port): WantedService[] => {
    const mine: Attributes = own.get(port) ?? {};
    const attributes: Attributes = { ...all, ...mine };
    const { name = '', tags, ignore = '', id } = attributes;
    if (ignore !== '' || name === '') {
      return [];
    }
    const service = ports.length > 1 && !mine.name ? `${name}-${port}` : name;
    const named = (field: string) => `SERVICE_${field.toUpperCase().replace('.', '_')}`;
    const written: Written = { ...(tags === undefined ? {} : { tags }), ...checkOf(attributes) };
    const read = readWanted(service, written, named, complaints);
    const meta = Object.fromEntries(Object.entries(attributes).filter(([field]) => !READ.has(field)));
    return read
      ? [
          {
            ...read,
            port,
            ...(id ? { instance: ports.length > 1 && !mine.id ? `${id}:${port}` : id } : {}),
            ...(Object.keys(meta).length === 0 ? {} : { meta }),
          },
        ]
      : [];
  });
  return { wanted, complaints };
}

function sorted(written: Attributes): {
  readonly all: Attributes;
  readonly own: ReadonlyMap<number, Attributes>;
} {
  const all: Record<string, string> = {};
  const own = new Map<number, Record<string, string>>();
  for (const [name, value] of Object.entries(written)) {
    const [, port, field] = NAME.exec(name) ?? [];
    if (field === undefined) {
      continue;
    }
    if (port === undefined) {
      all[field.toLowerCase()] = value;
    } else {
      const mine = own.get(Number(port)) ?? {};
      mine[field.toLowerCase()] = value;
      own.set(Number(port), mine);
    }
  }
  return { all, own };
}

/** Registrator's checks are Consul's: a path that is asked for, or that there is a connection. */
function checkOf({ check_http, check_tcp }: Attributes): Written {
  if (check_http !== undefined && check_http !== '') {
    return { check: check_http };
  }
  return check_tcp === 'true' ? { check: 'tcp' } : {};
}
