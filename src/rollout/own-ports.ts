import type { CatalogView } from '../model/catalog-view.ts';
import type { Service } from '../model/service.ts';
import { type BoundPorts, boundPorts, hasPort } from '../plan/bound-ports.ts';

/** A text in which no service has a port that another section listens on. */
export interface PlacedText {
  readonly text: string;
  /** The services that lost their port to a bind of the template's own. */
  readonly lost: readonly PortLoss[];
}

/** A service whose port is bound by something else. */
export interface PortLoss {
  readonly service: string;
  readonly port: number;
  /** `frontend public`. */
  readonly by: string;
  /** The path of the file in which that stands; null for the text itself. */
  readonly beside: string | null;
}

/** What a file listens on that HAProxy loads beside ours. */
export interface BoundBeside {
  readonly path: string;
  readonly bound: readonly BoundPorts[];
}

/**
 * Renders services, and takes the port of its own from each service where another section of the text listens on it too:
 * two binds of one port split its connections in silence (SO_REUSEPORT), or the more exact address takes them all. Whose
 * a section is shows by rendering without the port: what is still bound then is the template's, or of a file that HAProxy loads
 * beside it.
 */
export async function renderPlaced(
  catalog: CatalogView,
  render: (catalog: CatalogView) => Promise<string>,
  beside: readonly BoundBeside[] = [],
): Promise<PlacedText> {
  const text = await render(catalog);
  const claims = catalog.services.filter(({ port }) => port !== null);
  const bound = claims.length === 0 ? [] : boundPorts(text);
  const doubtful = claims.filter(({ port }) => {
    const { size } = sectionsOf(bound, port);
    return size > 1 || (size === 1 && takenBeside(beside, port) !== null);
  });
  if (doubtful.length === 0) {
    return { text, lost: [] };
  }
  const without = await render(withoutPorts(catalog, doubtful));
  const left = boundPorts(without);
  const losses = doubtful.flatMap(({ name: service, port }) => {
    const by = namesOf(left, port);
    const taken = by === '' ? takenBeside(beside, port) : { by, beside: null };
    return taken ? [{ service, port: port ?? 0, ...taken }] : [];
  });
  const names = new Set(losses.map(({ service }) => service));
  const lost = doubtful.filter(({ name }) => names.has(name));
  if (lost.length === 0) {
    return { text, lost: [] };
  }
  return {
    text: lost.length === doubtful.length ? without : await render(withoutPorts(catalog, lost)),
    lost: losses,
  };
}

/** Who listens on a port in a file beside the text; null where nobody does. */
function takenBeside(
  files: readonly BoundBeside[],
  port: number | null,
): Pick<PortLoss, 'by' | 'beside'> | null {
  for (const { path, bound } of files) {
    const by = namesOf(bound, port);
    if (by !== '') {
      return { by, beside: path };
    }
  }
  return null;
}

function namesOf(bound: readonly BoundPorts[], port: number | null): string {
  return [...sectionsOf(bound, port).values()].join(', ');
}

/** The names of the sections that listen on a port, by where they begin. */
function sectionsOf(bound: readonly BoundPorts[], port: number | null): Map<number, string> {
  const of = bound.filter((range) => port !== null && hasPort(range, port));
  return new Map(of.map(({ at, section }) => [at, section]));
}

/** The same objects each time: what a template remembers of a service goes by them. */
const portless = new WeakMap<Service, Service>();

function withoutPort(service: Service): Service {
  const known = portless.get(service) ?? Object.freeze({ ...service, port: null });
  portless.set(service, known);
  return known;
}

function withoutPorts(catalog: CatalogView, lost: readonly Service[]): CatalogView {
  const names = new Set(lost.map(({ name }) => name));
  const services = catalog.services.map((one) => (names.has(one.name) ? withoutPort(one) : one));
  const { routes, rejected, ignored, remarks, massClaims } = catalog;
  return {
    ...{ services, routes, rejected, ignored, remarks, massClaims },
    service: (name) => {
      const found = catalog.service(name);
      return found && names.has(name) ? withoutPort(found) : found;
    },
  };
}
