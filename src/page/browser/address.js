// What is asked for, as it stands in the address: a link shows the same, and the browser's way back leads back.

export const OPEN_AT_MOST = 5;

/** The states of services that may be asked for. @type {[id: string, words: string][]} */
export const STATES = [
  ['', 'all'],
  ['wrong', 'wrong'],
  ['down', 'DOWN'],
  ['held', 'held'],
  ['kept', 'kept'],
  ['refused', 'refused'],
  ['out', 'drained'],
];
const SORTS = ['', 'name', 'size'];

/** `open` are services, `entry` is a number of the ledger. */
export const asked = { q: '', state: '', sort: '', entry: '', open: new Set(/** @type {string[]} */ ([])) };

/** Takes what stands in the address. */
export function readAddress() {
  const given = new URLSearchParams(location.search);
  const oneOf = (/** @type {string} */ name, /** @type {readonly string[]} */ all) =>
    all.find((one) => one === given.get(name)) ?? '';
  asked.q = given.get('q') ?? '';
  asked.state = oneOf(
    'state',
    STATES.map(([id]) => id),
  );
  asked.sort = oneOf('sort', SORTS);
  asked.entry = /^\d{1,15}$/.exec(given.get('entry') ?? '')?.[0] ?? '';
  asked.open = new Set(given.getAll('open').slice(0, OPEN_AT_MOST));
}

/** Whether the last step was to type: what is typed is one step of the way back. */
let wasTyped = false;

/** Writes what is asked for into the address, as a step of its own. @param {{ typed?: boolean }} [how] */
export function writeAddress({ typed = false } = {}) {
  const given = new URLSearchParams();
  for (const name of /** @type {const} */ (['q', 'state', 'sort', 'entry'])) {
    if (asked[name] !== '') {
      given.set(name, asked[name]);
    }
  }
  for (const name of asked.open) {
    given.append('open', name);
  }
  const text = `${given}` === '' ? '' : `?${given}`;
  if (text === location.search) {
    return;
  }
  const where = text === '' ? location.pathname : text;
  if (typed && wasTyped) {
    history.replaceState(null, '', where);
  } else {
    history.pushState(null, '', where);
  }
  wasTyped = typed;
}
