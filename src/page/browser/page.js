// The page of the status server: shows what /api/events says, and changes what changed.

import { counted } from '../../status/words.ts';
import { asked, OPEN_AT_MOST, readAddress, STATES, writeAddress } from './address.js';
import { badge, find, flash, make, say, svgElement } from './elements.js';
import { drawEntries, entryNumbers, openAsked, setReader, takeEntry } from './timeline.js';
import { age, clock, tick, time, took } from './times.js';

/**
 * @typedef {{ id: string, key: string, address?: string, weight?: number, drain?: true, backup?: true, state?: string,
 *   because?: string, absent?: true, up?: string, why?: string, since?: number, by?: string }} Server
 * @typedef {{ mode: string | null, hosts: string[], paths: string[], port: number | null, expose: boolean }} Facts
 * @typedef {{ text: string, up: number, down: number, out: number, known: number, served: number, wrong: boolean, is: Set<string>,
 *   badges: [words: string, tone: string][] }} Look
 * @typedef {{ details: HTMLDetailsElement, badges: HTMLElement, reach: HTMLElement, meter: HTMLElement, words: HTMLElement,
 *   inside: HTMLElement }} Row
 * @typedef {{ name: string, facts: Facts | null, servers: Map<string, Omit<Server, 'id'>>, look: Look | null, row: Row | null,
 *   figures: Map<string, { sessions: number, rate: number, errors5xx: number }> }} Service
 * @typedef {{ label: string, area: string, items: string[], count: number, toDo: string }} Finding
 */

const FIRST_ROWS = 60;
const ROWS_A_FRAME = 150;
/** Longer than two signs of life of the server, in milliseconds. */
const SILENT = 25_000;
const FIGURES_EVERY = 3_000;
/** Between two questions where no stream is to be had. */
const ASK_EVERY = 5_000;

const page = {
  sentence: find('sentence', HTMLElement),
  change: find('change', HTMLElement),
  tiles: find('tiles', HTMLElement),
  wrong: find('wrong', HTMLElement),
  wrongTitle: find('wrong-title', HTMLElement),
  findings: find('findings', HTMLElement),
  servicesTitle: find('services-title', HTMLElement),
  rows: find('rows', HTMLElement),
  none: find('none', HTMLElement),
  notes: find('notes', HTMLElement),
  link: find('link', HTMLElement),
  host: find('host', HTMLElement),
  about: find('about', HTMLElement),
  q: find('q', HTMLInputElement),
  sort: find('sort', HTMLSelectElement),
  states: find('states', HTMLElement),
  login: find('login', HTMLFormElement),
  token: find('token', HTMLInputElement),
  refused: find('refused', HTMLElement),
  config: find('config', HTMLAnchorElement),
};

/** What the server says of itself, by name. @type {Map<string, any>} */
const status = new Map();
/** @type {Map<string, Service>} */
const services = new Map();
/** Milliseconds of the last changes, and how they went out. @type {Map<string, [number, string]>} */
const lives = new Map();

// ---- what comes -----------------------------------------------------------------------------------------------------

/** What is to be shown anew in the next frame. */
const dirty = { status: false, entries: false, rows: false, services: new Set(/** @type {string[]} */ ([])) };
let isDrawn = false;
let isDue = false;

/** @param {string} name @param {any} value `undefined` where it is gone */
function take(name, value) {
  const [kind = '', first = '', second = ''] = name.split('/');
  if (kind === 'status') {
    put(status, first, value);
    dirty.status = true;
  } else if (kind === 'entry') {
    takeEntry(Number(first), value);
    dirty.entries = true;
  } else if (kind === 'live') {
    put(lives, first, value);
    dirty.status = true;
  } else if (kind === 'service' || kind === 'server') {
    const service = serviceOf(first);
    if (kind === 'service') {
      service.facts = value ?? null;
    } else {
      put(service.servers, second, value);
    }
    if (service.facts === null && service.servers.size === 0) {
      services.delete(first);
    }
    service.look = null;
    dirty.services.add(first);
    dirty.rows = true;
  }
}

/** @param {string} name @returns {Service} */
function serviceOf(name) {
  const known = services.get(name);
  if (known) {
    return known;
  }
  /** @type {Service} */
  const made = { name, facts: null, servers: new Map(), look: null, row: null, figures: new Map() };
  services.set(name, made);
  return made;
}

/** @template V @param {Map<string, V>} map @param {string} name @param {V | undefined} value */
function put(map, name, value) {
  if (value === undefined) {
    map.delete(name);
  } else {
    map.set(name, value);
  }
}

/** @param {[string, any][]} all */
function takeAll(all) {
  const names = new Set(all.map(([name]) => name));
  for (const name of held()) {
    if (!names.has(name)) {
      take(name, undefined);
    }
  }
  for (const [name, value] of all) {
    take(name, value);
  }
}

function held() {
  const inServices = [...services].flatMap(([name, { facts, servers }]) => [
    ...(facts ? [`service/${name}`] : []),
    ...[...servers.keys()].map((id) => `server/${name}/${id}`),
  ]);
  return [
    ...[...status.keys()].map((name) => `status/${name}`),
    ...entryNumbers().map((number) => `entry/${number}`),
    ...[...lives.keys()].map((name) => `live/${name}`),
    ...inServices,
  ];
}

function soon() {
  if (!isDue) {
    isDue = true;
    // A page that nobody looks at has no frames.
    if (document.hidden) {
      setTimeout(draw, 200);
    } else {
      requestAnimationFrame(draw);
    }
  }
}

function draw() {
  isDue = false;
  if (dirty.status) {
    drawStatus();
  }
  if (dirty.entries) {
    drawEntries();
  }
  if (dirty.rows) {
    for (const name of dirty.services) {
      const service = services.get(name);
      if (service?.row) {
        fill(service);
        if (isDrawn) {
          flash(service.row.details);
        }
      }
    }
    drawRows();
  }
  dirty.status = dirty.entries = dirty.rows = false;
  dirty.services.clear();
  if (!isDrawn) {
    isDrawn = true;
    performance.mark('pointsman-drawn');
  }
  tick();
}

// ---- the connection -------------------------------------------------------------------------------------------------

/** @type {EventSource | null} */
let source = null;
/** Others that follow took all places: what is now is asked for again and again. */
let isCrowded = false;

/** What each event does. @type {Record<string, (data: string) => void>} */
const EVENTS = {
  hello: (data) => {
    const { now, token, mayRead, socket } = JSON.parse(data);
    time.ahead = now - Date.now();
    page.login.hidden = !token || mayRead;
    page.config.hidden = !mayRead;
    setReader({ mayRead, hasToken: token, socket });
    // Who comes again and missed nothing is sent nothing more.
    if (time.heardAt !== 0) {
      heard();
    }
  },
  all: (data) => {
    takeAll(JSON.parse(data).all);
    heard();
  },
  patch: (data) => {
    const { set, gone = [] } = JSON.parse(data);
    for (const name of gone) {
      // What happened is no longer sent after a while, and still happened.
      if (!name.startsWith('entry/')) {
        take(name, undefined);
      }
    }
    for (const [name, value] of set) {
      take(name, value);
    }
    heard();
  },
  alive: (data) => {
    time.ahead = Number(data) - Date.now();
    heard();
  },
};

function connect() {
  source?.close();
  source = new EventSource('/api/events');
  for (const [name, hear] of Object.entries(EVENTS)) {
    source.addEventListener(name, ({ data }) => {
      isCrowded &&= name === 'hello';
      hear(data);
    });
  }
  source.addEventListener('error', () => {
    // Where the answer was no stream (too many follow, or it is starting) the browser does not try again by itself.
    if (source?.readyState === EventSource.CLOSED) {
      void askOnce();
    } else {
      lose();
    }
  });
}

/** Asks what is now, where no stream is to be had, and tries again after a while. */
async function askOnce() {
  const answer = await fetch('/api/events?once=1').catch(() => null);
  const text = answer?.ok ? await answer.text().catch(() => '') : '';
  if (text.includes('event: all\n')) {
    isCrowded = true;
    for (const [, name = '', data = ''] of text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)) {
      EVENTS[name]?.(data);
    }
  } else {
    lose();
  }
  setTimeout(connect, text === '' ? 3_000 : ASK_EVERY);
}

function heard() {
  time.heardAt = Date.now();
  time.isLost = false;
  delete document.body.dataset.lost;
  const words = isCrowded
    ? `too many follow: asked every ${ASK_EVERY / 1_000} s, as of ${clock(new Date())}`
    : 'live';
  say(page.link, words);
  page.link.dataset.state = isCrowded ? 'asked' : 'live';
  soon();
}

function lose() {
  time.isLost = true;
  say(
    page.link,
    time.heardAt === 0
      ? 'no answer yet, trying again'
      : `connection lost, as of ${clock(new Date(time.heardAt))}`,
  );
  page.link.dataset.state = 'lost';
  if (time.heardAt !== 0) {
    document.body.dataset.lost = '';
  }
  drawIcon();
}

setInterval(() => {
  if (time.heardAt !== 0 && Date.now() - time.heardAt > SILENT && !time.isLost) {
    lose();
    connect();
  }
  tick();
}, 1_000);

// ---- the top --------------------------------------------------------------------------------------------------------

function drawStatus() {
  const change = status.get('change');
  say(page.sentence, status.get('serving') ?? '');
  page.sentence.dataset.well = status.get('ready') ? 'yes' : 'no';
  page.change.replaceChildren(
    ...(change ? ['Last change ', age(change.at), ` ago${change.words}`] : ['Nothing was changed yet.']),
  );
  say(page.host, status.get('host') ?? '');
  page.about.replaceChildren(
    `pointsman ${status.get('version')}, ${status.get('mode')}, for `,
    age(status.get('startedAt') ?? 0),
    '. It writes ',
    make('code', {}, status.get('target') ?? ''),
    ' by ',
    make('code', {}, status.get('template') ?? ''),
    '.',
  );
  drawTiles();
  drawNotes();
  drawFindings();
  drawIcon();
}

function drawTiles() {
  const { configuration, health, applied, pending, haproxy } = Object.fromEntries(status);
  page.tiles.replaceChildren(
    tile('Configuration', configuration?.word ?? '', toneOf(configuration), [
      pending ? `pending ${pending}` : applied?.hash ? `text ${applied.hash}` : '',
    ]),
    tile('Health', health?.word ?? '', toneOf(health), [health?.more ?? '']),
    ...(status.get('sources') ?? []).map((/** @type {any} */ one) =>
      tile(one.name, one.state, one.state === 'live' ? 'good' : 'bad', [
        'for ',
        age(one.since),
        `, ${one.keys} keys`,
        ...(one.lastData === null ? [] : [', data ', age(one.lastData), ' ago']),
      ]),
    ),
    tile('HAProxy', haproxyWord(haproxy), haproxy?.kind === 'away' ? 'bad' : 'good', [
      ...(haproxy?.since ? ['for ', age(haproxy.since)] : []),
      haproxy?.pid ? `, pid ${haproxy.pid}` : '',
      haproxy?.cause ? `: ${haproxy.cause}` : '',
    ]),
    sparkTile(),
  );
}

/** What is not wrong, and to be known. */
function drawNotes() {
  const { handEdit, hands = [], ledgerError, target } = Object.fromEntries(status);
  const note = (/** @type {string} */ label, /** @type {(Node | string)[]} */ ...words) =>
    make('li', { 'data-label': label }, make('strong', {}, label), ' ', ...words);
  page.notes.replaceChildren(
    ...(handEdit
      ? [
          note(
            'hand edit',
            age(handEdit.at),
            ` ago: ${target} is as it was${handEdit.kept === null ? '' : `; the edit is kept in ${handEdit.kept}`}`,
          ),
        ]
      : []),
    ...hands.map((/** @type {any} */ one) =>
      note(
        'by hand',
        `${one.backend}/${one.server} ${one.admin ?? `weight ${one.weight}`} for `,
        age(one.since),
      ),
    ),
    ...(ledgerError ? [note('not written down', `${ledgerError}`)] : []),
  );
}

/** @param {{ well: boolean } | undefined} one */
function toneOf(one) {
  return one?.well ? 'good' : 'bad';
}

/** @param {any} haproxy */
function haproxyWord(haproxy) {
  switch (haproxy?.kind) {
    case 'running':
      return `${haproxy.version ?? 'running'}`;
    case 'unseen':
      return 'there, cannot be asked';
    case 'away':
      return 'does not answer';
    default:
      return 'not asked yet';
  }
}

/** @param {string} label @param {string} word @param {string} tone @param {(Node | string)[]} more */
function tile(label, word, tone, more) {
  return make(
    'div',
    { class: 'tile', 'data-tone': tone },
    make('dt', {}, label),
    make('dd', { class: 'word' }, word),
    make('dd', { class: 'more' }, ...more),
  );
}

function sparkTile() {
  const all = [...lives].map(([at, [ms, how]]) => ({ at: Number(at), ms, how })).sort((a, b) => a.at - b.at);
  if (all.length === 0) {
    return tile('Change to live', 'no change yet', '', ['how long changes take will stand here']);
  }
  const sorted = all.map(({ ms }) => ms).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const most = sorted.at(-1) ?? 1;
  const words = `the last ${all.length}: half of them within ${took(median)}, the slowest ${took(most)}`;
  const made = tile('Change to live', took(all.at(-1)?.ms ?? 0), '', [words]);
  made.classList.add('wide');
  made.append(make('dd', {}, sparkline(all, most)));
  return made;
}

/** @param {{ ms: number, how: string }[]} all @param {number} most */
function sparkline(all, most) {
  const svg = svgElement('svg', {
    class: 'spark',
    viewBox: `0 0 ${Math.max(30, all.length) * 6} 32`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  for (const [index, { ms, how }] of all.entries()) {
    // The root: a reload would make all others invisible.
    const height = Math.max(2, Math.sqrt(ms / most) * 30);
    svg.append(
      svgElement('rect', {
        x: `${index * 6}`,
        y: `${32 - height}`,
        width: '4',
        height: `${height}`,
        class: how,
      }),
    );
  }
  return svg;
}

/** @type {Record<string, string>} */
const AREAS = {
  readiness: 'readiness',
  pause: 'configuration',
  configuration: 'configuration',
  source: 'source of keys',
  health: 'health',
};

function drawFindings() {
  /** @type {Finding[]} */
  const findings = status.get('findings') ?? [];
  page.wrong.hidden = findings.length === 0;
  say(page.wrongTitle, `What is wrong (${findings.reduce((sum, { count }) => sum + count, 0)})`);
  page.findings.replaceChildren(
    ...findings.map(({ label, area, items, count, toDo }) =>
      make(
        'li',
        { class: 'finding', 'data-area': area, 'data-label': label },
        make('h3', {}, label, make('span', { class: 'area' }, AREAS[area] ?? area)),
        make(
          'ul',
          {},
          ...items.map((item) => make('li', {}, item)),
          ...(count > items.length
            ? [make('li', { class: 'muted' }, `and ${count - items.length} more`)]
            : []),
        ),
        make('p', { class: 'todo' }, toDo),
      ),
    ),
  );
  const count = findings.length === 0 ? '' : `(${findings.length}) `;
  document.title = `${count}${status.get('host') ?? ''} · Pointsman`;
}

function drawIcon() {
  const findings = status.get('findings') ?? [];
  const colour = time.isLost ? '%239aa5b1' : findings.length > 0 ? '%23d6362d' : '%231f9d68';
  const icon = document.querySelector('link[rel=icon]');
  icon?.setAttribute(
    'href',
    `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colour}"/></svg>`,
  );
}

// ---- services -------------------------------------------------------------------------------------------------------

/** @param {Service} service @returns {Look} */
function lookAt(service) {
  if (service.look) {
    return service.look;
  }
  const { name, facts, servers } = service;
  const all = [...servers];
  const count = (/** @type {(one: Omit<Server, 'id'>) => boolean} */ fits) =>
    all.filter(([, one]) => fits(one)).length;
  const down = count(({ up }) => up === 'DOWN');
  const out = count(({ up }) => up === 'DRAIN' || up === 'MAINT' || up === 'NOLB');
  const known = count(({ up }) => up !== undefined);
  const states = { held: 0, kept: 0, rejected: 0, 'set aside': 0 };
  for (const [, { state }] of all) {
    if (state === 'held' || state === 'kept' || state === 'rejected' || state === 'set aside') {
      states[state] += 1;
    }
  }
  const absent = count((one) => one.absent === true);
  const refused = states.rejected + states['set aside'];
  const is = new Set([
    ...(down > 0 ? ['down'] : []),
    ...(states.held > 0 ? ['held'] : []),
    ...(states.kept > 0 ? ['kept'] : []),
    ...(refused > 0 ? ['refused'] : []),
    ...(out > 0 ? ['out'] : []),
  ]);
  const wrong = down > 0 || states.held > 0 || states.kept > 0 || refused > 0;
  /** @type {[string, string][]} */
  const badges = [
    ...numbered(states.held, 'held', 'warn'),
    ...numbered(states.kept, 'kept', 'warn'),
    ...numbered(states.rejected, 'rejected', 'bad'),
    ...numbered(states['set aside'], 'set aside', 'bad'),
    ...numbered(absent, 'not in HAProxy', 'warn'),
  ];
  const words = [
    name,
    ...(facts?.hosts ?? []),
    ...(facts?.paths ?? []),
    `${facts?.port ?? ''}`,
    ...all.flatMap(([id, { key, address }]) => [id, key, address ?? '']),
  ];
  service.look = {
    text: words.join('\n').toLowerCase(),
    ...{ up: known - down - out, down, out, known, wrong, badges },
    served: count(({ address }) => address !== undefined),
    is: wrong ? is.add('wrong') : is,
  };
  return service.look;
}

/** @param {number} count @param {string} words @param {string} tone @returns {[string, string][]} */
function numbered(count, words, tone) {
  return count === 0 ? [] : [[`${count} ${words}`, tone]];
}

function readAsked() {
  readAddress();
  page.q.value = asked.q;
  page.sort.value = asked.sort;
  for (const [name, { row }] of services) {
    if (row && row.details.open !== asked.open.has(name)) {
      row.details.open = asked.open.has(name);
    }
  }
  openAsked();
}

/** @param {Partial<Pick<typeof asked, 'q' | 'state' | 'sort'>>} change @param {{ typed?: boolean }} [how] */
function ask(change, how = {}) {
  Object.assign(asked, change);
  writeAddress(how);
  dirty.rows = true;
  soon();
}

/** Which layout is the newest: an older one that is still under way stops. */
let layout = 0;

function drawRows() {
  const words = asked.q
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const found = [...services.values()].filter((one) =>
    words.every((word) => lookAt(one).text.includes(word)),
  );
  drawStates(found);
  const shown = found.filter((one) => asked.state === '' || lookAt(one).is.has(asked.state)).sort(order);
  say(
    page.servicesTitle,
    services.size === shown.length
      ? `Services (${shown.length})`
      : `Services (${shown.length} of ${services.size})`,
  );
  page.none.hidden = shown.length > 0;
  say(page.none, services.size === 0 ? 'No service is registered.' : 'No service fits this search.');
  layout += 1;
  place(shown, 0, page.rows.firstChild, layout);
}

/** Puts rows into their order, as many in a frame as cost nothing. @param {Service[]} shown @param {number} from @param {ChildNode | null} before @param {number} mine */
function place(shown, from, before, mine) {
  const to = Math.min(
    shown.length,
    from === 0 ? Math.max(FIRST_ROWS, page.rows.childElementCount) : from + ROWS_A_FRAME,
  );
  let next = before;
  for (const service of shown.slice(from, to)) {
    const { details } = rowOf(service);
    if (details === next) {
      next = details.nextSibling;
    } else {
      page.rows.insertBefore(details, next);
    }
  }
  if (to < shown.length) {
    requestAnimationFrame(() => {
      if (layout === mine) {
        place(shown, to, next, mine);
      }
    });
    return;
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** @param {Service} a @param {Service} b */
function order(a, b) {
  const [one, other] = [lookAt(a), lookAt(b)];
  const first =
    asked.sort === 'size'
      ? other.served - one.served
      : asked.sort === 'name'
        ? 0
        : Number(other.wrong) - Number(one.wrong) || other.down - one.down;
  return first || (a.name < b.name ? -1 : 1);
}

/** @param {Service[]} found */
function drawStates(found) {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && active.dataset.of;
  page.states.replaceChildren(
    ...STATES.map(([id, words]) => {
      const count = id === '' ? found.length : found.filter((one) => lookAt(one).is.has(id)).length;
      const button = make(
        'button',
        { type: 'button', 'data-of': id || 'all', 'aria-pressed': `${asked.state === id}` },
        `${words} `,
        make('span', {}, `${count}`),
      );
      button.addEventListener('click', () => ask({ state: asked.state === id ? '' : id }));
      return button;
    }),
  );
  if (focused) {
    /** @type {HTMLElement | null} */ (page.states.querySelector(`[data-of="${focused}"]`))?.focus();
  }
}

/** @param {Service} service @returns {Row} */
function rowOf(service) {
  if (service.row) {
    return service.row;
  }
  const { name } = service;
  const [reach, badges, meter, words, inside] = [
    make('span', { class: 'reach' }),
    make('span', { class: 'badges' }),
    make('span', { class: 'meter', 'aria-hidden': 'true' }),
    make('span', { class: 'words' }),
    make('div', { class: 'inside' }),
  ];
  const summary = make(
    'summary',
    {},
    make('span', { class: 'name' }, name),
    reach,
    badges,
    make('span', { class: 'health' }, meter, words),
  );
  const details = make('details', { class: 'row', 'data-service': name }, summary, inside);
  details.open = asked.open.has(name);
  details.addEventListener('toggle', () => {
    const before = asked.open.has(name);
    if (details.open) {
      asked.open.add(name);
    } else {
      asked.open.delete(name);
    }
    if (before !== details.open) {
      writeAddress();
    }
    fillInside(service);
    askFigures();
  });
  service.row = { details, badges, reach, meter, words, inside };
  fill(service);
  return service.row;
}

/** @param {Service} service */
function fill(service) {
  const { row, facts } = service;
  if (!row) {
    return;
  }
  const { badges, up, down, out, known, served } = lookAt(service);
  const places = facts
    ? [
        facts.mode === null || facts.mode === 'http' ? '' : facts.mode,
        facts.port === null ? '' : `port ${facts.port}`,
        facts.hosts.join(', '),
        facts.paths.join(' '),
        facts.expose ? '' : 'not on the shared frontend',
      ].filter((word) => word !== '')
    : [];
  say(row.reach, places.join('  '));
  row.reach.title = row.reach.textContent ?? '';
  row.badges.replaceChildren(
    ...badges.map(([words, tone]) => make('span', { class: 'badge', 'data-tone': tone }, words)),
  );
  say(row.words, healthWords({ up, down, out, known, served }));
  row.words.classList.toggle('error', down > 0);
  const share = (/** @type {number} */ count) => (known === 0 ? 0 : Math.round((count / known) * 100));
  const [good, bad] = [share(up), share(up + down)];
  row.meter.style.background =
    known === 0
      ? ''
      : `linear-gradient(to right, var(--bar-good) ${good}%, var(--bar-bad) ${good}% ${bad}%, var(--bar-rest) ${bad}%)`;
  fillInside(service);
}

/** @param {{ up: number, down: number, out: number, known: number, served: number }} look */
function healthWords({ up, down, out, known, served }) {
  if (served === 0) {
    return 'no instance';
  }
  if (known === 0) {
    return counted(served, 'instance');
  }
  if (down > 0) {
    return `${down} of ${known} DOWN`;
  }
  return out > 0 ? `${up} up, ${out} drained` : `${up} up`;
}

const COLUMNS = ['Instance', 'Address', 'Weight', 'Configuration', 'Health', 'Sessions', 'Per second', '5xx'];
const NUMBERS = new Set(['Weight', 'Sessions', 'Per second', '5xx']);

/** @param {Service} service */
function fillInside(service) {
  const { row, servers, figures } = service;
  if (!row?.details.open) {
    row?.inside.replaceChildren();
    return;
  }
  if (servers.size === 0) {
    row.inside.replaceChildren(make('p', {}, 'It has a route and no instance.'));
    return;
  }
  const sorted = [...servers].sort(([a], [b]) => (a < b ? -1 : 1));
  row.inside.replaceChildren(
    make(
      'table',
      { 'aria-label': `Instances of ${service.name}` },
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          ...COLUMNS.map((name) =>
            make('th', { scope: 'col', ...(NUMBERS.has(name) ? { class: 'number' } : {}) }, name),
          ),
        ),
      ),
      make('tbody', {}, ...sorted.map(([id, one]) => instanceRow(id, one, figures.get(id)))),
    ),
  );
}

/** @param {string} id @param {Omit<Server, 'id'>} one @param {{ sessions: number, rate: number, errors5xx: number } | undefined} figures */
function instanceRow(id, one, figures) {
  const number = (/** @type {string} */ of, /** @type {number | undefined} */ value) =>
    make('td', { class: 'number', 'data-of': of }, value === undefined ? '' : `${value}`);
  return make(
    'tr',
    {},
    make('td', {}, make('strong', {}, id), make('small', { class: 'mono' }, one.key)),
    make('td', { class: 'mono' }, one.address ?? 'not served'),
    make(
      'td',
      { class: 'number', 'data-of': 'Weight' },
      one.drain ? 'drain' : `${one.weight ?? ''}`,
      ...(one.backup ? [make('small', {}, 'backup')] : []),
    ),
    make(
      'td',
      {},
      one.state
        ? badge(one.state, one.state === 'held' || one.state === 'kept' ? 'warn' : 'bad')
        : one.absent
          ? badge('not in HAProxy', 'warn')
          : 'as registered',
      ...(one.because ? [make('small', {}, one.because)] : []),
    ),
    make(
      'td',
      {},
      one.up === undefined
        ? make('span', { class: 'muted' }, 'not known')
        : badge(one.up, one.up === 'UP' ? 'good' : one.up === 'DOWN' ? 'bad' : ''),
      ...(one.since === undefined ? [] : [make('small', {}, 'for ', age(one.since))]),
      ...(one.why ? [make('small', {}, one.why)] : []),
      ...(one.by ? [make('small', {}, `by ${one.by}`)] : []),
    ),
    number('Sessions', figures?.sessions),
    number('Per second', figures?.rate),
    number('5xx', figures?.errors5xx),
  );
}

// What changes all the time is asked for only where it is looked at.
let isAsking = false;

async function askFigures() {
  const open = [...asked.open]
    .filter((name) => services.get(name)?.row?.details.isConnected)
    .slice(0, OPEN_AT_MOST);
  if (isAsking || document.hidden || time.isLost || open.length === 0) {
    return;
  }
  isAsking = true;
  try {
    for (const name of open) {
      const answer = await fetch(`/api/services?service=${encodeURIComponent(name)}`);
      const service = services.get(name);
      if (!answer.ok || !service) {
        continue;
      }
      const { services: found } = await answer.json();
      for (const { id, servers } of found[0]?.instances ?? []) {
        const sum = { sessions: 0, rate: 0, errors5xx: 0 };
        for (const one of servers) {
          sum.sessions += one.sessions;
          sum.rate += one.rate;
          sum.errors5xx += one.errors5xx;
        }
        if (servers.length > 0) {
          service.figures.set(id, sum);
        }
      }
      fillInside(service);
    }
  } catch {
    // The stream says whether anybody answers.
  } finally {
    isAsking = false;
  }
}

setInterval(askFigures, FIGURES_EVERY);

// ---- what a person does ---------------------------------------------------------------------------------------------

page.q.addEventListener('input', () => ask({ q: page.q.value }, { typed: true }));
page.sort.addEventListener('change', () => ask({ sort: page.sort.value }));
addEventListener('popstate', () => {
  readAsked();
  dirty.rows = true;
  soon();
});

document.addEventListener('keydown', (event) => {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey) {
    return;
  }
  const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
  if (key === 'Escape') {
    leave(target);
  } else if (isTyping) {
    return;
  } else if (key === '/') {
    page.q.focus();
    page.q.select();
  } else if (key === 'j' || key === 'k') {
    step(key === 'j' ? 1 : -1);
  } else if ((key === 'ArrowDown' || key === 'ArrowUp') && isSummary(target)) {
    step(key === 'ArrowDown' ? 1 : -1);
  } else if (key === 'w') {
    ask({ state: asked.state === 'wrong' ? '' : 'wrong' });
  } else {
    return;
  }
  event.preventDefault();
});

/** @param {unknown} target */
function isSummary(target) {
  return target instanceof HTMLElement && target.matches('summary');
}

/** One step back: what is opened, what is typed, what is shown alone. @param {unknown} target */
function leave(target) {
  const opened = target instanceof HTMLElement ? target.closest('details') : null;
  if (opened?.open) {
    opened.open = false;
    opened.querySelector('summary')?.focus();
  } else if (target === page.q && page.q.value === '') {
    page.q.blur();
  } else if (asked.q !== '') {
    page.q.value = '';
    ask({ q: '' });
  } else {
    ask({ state: '' });
  }
}

/** Goes on in the list of changes where that is where somebody is, else in the services. @param {1 | -1} by */
function step(by) {
  const active = document.activeElement;
  const list = active?.closest('#passes') ?? page.rows;
  /** @type {(HTMLElement | null)[]} */
  const all = [...list.querySelectorAll('summary')];
  const at = active instanceof HTMLElement ? all.indexOf(active) : -1;
  const next =
    all[at === -1 ? (by === 1 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

page.login.addEventListener('submit', async (event) => {
  event.preventDefault();
  const shown = page.token.value.trim();
  const answer = await fetch('/login', { headers: { authorization: `Bearer ${shown}` } }).catch(() => null);
  if (answer?.ok) {
    page.token.value = '';
    page.login.hidden = true;
    page.config.hidden = false;
    setReader({ mayRead: true });
  } else {
    say(page.refused, answer ? (await answer.text()).trim() : 'nobody answers');
  }
});

readAsked();
connect();
