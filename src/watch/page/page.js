import { Rates } from './rates.js';
import { RingPicture } from './ring-picture.js';
import { duration, SlotTable } from './slot-table.js';

const at = (id) => document.getElementById(id);

// The token in the link has been used. Remove it from the address bar, so that the user can reload the page.
history.replaceState(null, '', '/');

const ring = new RingPicture(at('ring'), at('ring-words'));
const table = new SlotTable(at('slots'), (slot) => ring.choose(slot));
const rates = new Rates();

const events = new EventSource('/events');
events.addEventListener('ring', ({ data }) => ring.show(JSON.parse(data)));
events.addEventListener('status', ({ data }) => show(JSON.parse(data)));
events.addEventListener('error', () => {
  at('link').textContent =
    events.readyState === EventSource.CLOSED
      ? 'another router serves now; open the link from its log'
      : 'the router does not answer; reconnecting …';
  at('link').className = 'lost';
});

at('where').addEventListener('submit', (event) => {
  event.preventDefault();
  lookUp(at('address').value);
});
at('shown').addEventListener('change', () => at('address').value && lookUp(at('address').value));
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input')) return;
  event.preventDefault();
  at('address').select();
});

function show(status) {
  const now = rates.take(status);
  const { state, uptimeMs, slots, unplaced } = status;
  at('link').textContent = `${state}, for ${duration(uptimeMs)}`;
  at('link').className = '';
  at('name').textContent = status.name ?? '';
  document.title = status.name ? `${status.name} – limpet` : 'limpet';
  facts(status);
  const sum = (of) => slots.reduce((total, slot) => total + of(slot), 0);
  const counts = (byReason) => Object.values(byReason).reduce((total, count) => total + count, 0);
  at('open').textContent = sum(({ open, leaving }) =>
    leaving.reduce((total, process) => total + process.open, open),
  ).toLocaleString();
  at('rate').textContent = Math.round(now.all).toLocaleString();
  at('queued').textContent = sum(({ queued }) => queued).toLocaleString();
  at('refused').textContent = (sum(({ refused }) => counts(refused)) + counts(unplaced)).toLocaleString();
  drawHistory();
  table.show(status, now);
}

function facts({ affinity, handoff, binding, listeners, pid }) {
  const rows = [
    ['listens on', listeners.map(({ address }) => nameOf(address)).join(', ') || 'nothing yet'],
    ['handoff', handoff ? `${handoff.name} (${handoff.reason})` : '–'],
    ['affinity', affinity],
    ['binding', binding.kind],
    ['primary', pid],
  ];
  const list = at('facts');
  if (list.dataset.shown === JSON.stringify(rows)) return;
  list.dataset.shown = JSON.stringify(rows);
  list.replaceChildren(
    ...rows.map(([term, fact]) => {
      const row = document.createElement('div');
      row.append(
        Object.assign(document.createElement('dt'), { textContent: term }),
        Object.assign(document.createElement('dd'), { textContent: fact }),
      );
      return row;
    }),
  );
}

function nameOf(address) {
  if (!address) return '…';
  if ('path' in address) return address.path;
  return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

function drawHistory() {
  const line =
    at('history').firstElementChild ?? document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  line.setAttribute('points', rates.points());
  at('history').append(line);
  at('history-legend').textContent =
    `new connections per second, last two minutes; at most ${Math.round(rates.most).toLocaleString()}`;
}

async function lookUp(address) {
  const query = new URLSearchParams({ address, shown: at('shown').checked ? '1' : '0' });
  const response = await fetch(`/explain?${query}`).catch(() => undefined);
  if (!response?.ok) {
    ring.pointAt(undefined);
    at('answer').textContent = response
      ? await response.text()
      : 'The router does not answer. Try again when it runs.';
    return;
  }
  const { address: named, home, owner, bucket, reason } = await response.json();
  const why = {
    home: `its home is slot ${home}`,
    fallback: `its home, slot ${home}, is down`,
    none: 'no slot is up',
  }[reason];
  at('answer').textContent =
    `${named} goes to ${owner < 0 ? 'nobody' : `slot ${owner}`}: bucket ${bucket.toLocaleString()}, ${why}.`;
  // Unless addresses are shown in full, the typed address must not stay on the screen.
  if (!at('shown').checked) at('address').value = '';
  ring.pointAt(bucket);
}
