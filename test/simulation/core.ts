// Loaded when it is first used, which takes time that is not the simulation's: so before it begins.
import 'diff';
import type { Emit } from '../../src/events.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import { compileTemplate } from '../../src/render/compile-template.ts';
import { Drawing } from '../../src/rollout/drawing.ts';
import { ServedTree } from '../../src/tree/served-tree.ts';
import { OPTIONS } from '../support/catalog.ts';
import { PAUSE_KEY, type TemplateVariant } from './actions.ts';
import type { Ports } from './ports.ts';
import { templateSet, type World } from './world.ts';

/** What the simulated Pointsman is set to, in milliseconds: shorter than usual, so that a night has room for more. */
export const SETTINGS = {
  guard: { share: 0.5, minimum: 4, window: 4000, hold: 20_000 },
  cache: { wait: 1000, maxAge: 3_600_000 },
  pace: { quiet: 200, maxWait: 1000, reloadInterval: 2000 },
  quarantine: { retry: 1000, patience: 5000 },
  readBack: 10_000,
};

const CONTEXT = {
  node: { hostname: 'host', env: {} },
  haproxy: { version: '3.0.11', statsSocket: '', masterSocket: '', serverState: '' },
  vars: {},
};

/** The whole loop, wired as `run` wires it. */
export function coreOf(
  ports: Ports,
  { mode, stores }: Pick<World, 'mode' | 'stores'>,
  emit: Emit,
): { run(signal: AbortSignal): Promise<void> } {
  const served = new ServedTree({ catalog: OPTIONS, emit });
  const drawing = new Drawing({ context: CONTEXT, emit });
  const { guard: rules, cache, pace, quarantine, readBack } = SETTINGS;
  const { source, templates, judge, haproxy, preflight, pending, crashFile, runtime } = ports;
  return new Reconciler({
    ...{
      source,
      templates,
      judge,
      haproxy,
      preflight,
      pending,
      crashFile,
      served,
      drawing,
      emit,
      pace,
    },
    guard: { rules, cache, store: ports.store, sources: stores.ranks },
    file: ports.file,
    target: mode === 'file' ? 'file' : 'haproxy',
    pause: { notes: ports.notes, keys: [PAUSE_KEY] },
    ...(mode === 'seen' ? { runtime: { runtime, newServers: 'up', drain: 0, readBack } } : {}),
    quarantine: { ...quarantine, file: ports.quarantine },
  });
}

const compiled = new Map<TemplateVariant, ReturnType<typeof compileTemplate>>();

/** The text of these keys by this template: what HAProxy should run in the end. */
export async function textOf(catalog: Catalog, variant: TemplateVariant): Promise<string> {
  const template = compiled.get(variant) ?? compileTemplate(templateSet(variant));
  compiled.set(variant, template);
  return template.render({ catalog, tree: catalog.tree, ...CONTEXT });
}
