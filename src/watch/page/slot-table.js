import { colorOf } from './ring-picture.js';

/** The table of the slots. It updates its rows in place, so that focus and selection stay. */
export class SlotTable {
  #body;
  #rows = new Map();
  #slots = new WeakMap();
  #chosen;

  /** Calls `choose` with the slot that has the pointer or the focus, or with undefined. */
  constructor(body, choose) {
    this.#body = body;
    const slotAt = (element) => this.#slots.get(element?.closest?.('tr'));
    const mark = (slot) => {
      this.#rows.get(this.#chosen)?.classList.remove('chosen');
      this.#chosen = slot;
      this.#rows.get(slot)?.classList.add('chosen');
      choose(slot);
    };
    body.addEventListener('focusin', (event) => mark(slotAt(event.target)));
    body.addEventListener('focusout', () => mark(undefined));
    body.addEventListener('pointerover', (event) => mark(slotAt(event.target)));
    body.addEventListener('pointerleave', () => mark(slotAt(document.activeElement)));
    body.addEventListener('keydown', (event) => this.#move(event));
  }

  show({ slots }, rates) {
    for (const [slot, row] of this.#rows) {
      if (slots.some((each) => each.slot === slot)) continue;
      row.remove();
      this.#rows.delete(slot);
    }
    for (const slot of slots) {
      const row = this.#rows.get(slot.slot) ?? this.#newRow(slot.slot);
      const texts = cellsOf(slot, rates.bySlot.get(slot.slot) ?? 0);
      texts.forEach(([text, tone = ''], at) => {
        const cell = row.cells[at + 1];
        cell.textContent = text;
        cell.className = tone;
      });
    }
  }

  /** Only one row is in the tab order. The arrow keys move between the rows. */
  #newRow(slot) {
    const row = this.#body.insertRow();
    row.tabIndex = this.#rows.size === 0 ? 0 : -1;
    const head = row.appendChild(document.createElement('th'));
    head.scope = 'row';
    const swatch = head.appendChild(document.createElement('span'));
    swatch.className = 'swatch';
    swatch.style.background = colorOf(slot);
    head.append(String(slot));
    for (let cell = 0; cell < 12; cell++) row.insertCell();
    this.#rows.set(slot, row);
    this.#slots.set(row, slot);
    return row;
  }

  #move(event) {
    const row = event.target.closest('tr');
    const rows = [...this.#body.rows];
    const at = rows.indexOf(row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    const next = rows[to];
    if (!next) return;
    event.preventDefault();
    for (const each of rows) each.tabIndex = each === next ? 0 : -1;
    next.focus();
  }
}

function cellsOf(slot, rate) {
  const refused = Object.values(slot.refused).reduce((sum, count) => sum + count, 0);
  return [
    stateOf(slot),
    [slot.pid ?? '–'],
    [duration(slot.uptimeMs)],
    [slot.open.toLocaleString()],
    [rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString()],
    [percent(slot.share)],
    [percent(slot.realShare)],
    [slot.queued.toLocaleString(), slot.queued > 0 ? 'worse' : ''],
    [refused.toLocaleString(), refused > 0 ? 'bad' : ''],
    [`${slot.lagMs} ms`, slot.lagMs > 100 ? 'worse' : ''],
    [`${Math.round(slot.rssBytes / 1_048_576)} MB`],
    [slot.restarts.toLocaleString(), slot.restarts > 0 ? 'worse' : ''],
  ];
}

function stateOf({ state, stalled, down, leaving, reason }) {
  const also = leaving.length > 0 ? `, ${leaving.length} leaving` : '';
  if (stalled) return [`stalled${also}`, 'bad'];
  if (down) return [`${state}, fallbacks serve${also}`, 'bad'];
  if (state === 'ready') return [`ready${also}`, 'good'];
  return [`${state} (${reason})${also}`, 'worse'];
}

function percent(part) {
  return `${(part * 100).toFixed(1)} %`;
}

/** The duration in its two largest units. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
