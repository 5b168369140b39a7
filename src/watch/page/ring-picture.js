/**
 * Draws the ring. The outer band shows the buckets, each in the colour of the slot that serves it now. The inner band shows the share of
 * each slot as home.
 */

const turn = 2 * Math.PI;
const top = -turn / 4;

/** Slots with successive numbers get very different hues. All are readable on light and dark backgrounds. */
export function colorOf(slot) {
  return slot < 0 ? 'gray' : `hsl(${Math.round(slot * 137.508 + 190) % 360} 60% 56%)`;
}

export class RingPicture {
  #canvas;
  #words;
  #ring = { slots: 0, homes: [], owners: [], down: [] };
  #chosen;
  #pointedAt;

  constructor(canvas, words) {
    this.#canvas = canvas;
    this.#words = words;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  show(ring) {
    this.#ring = ring;
    const moved = ring.owners.filter((owner, bucket) => owner !== ring.homes[bucket]).length;
    const down = ring.down.length === 0 ? 'All are up.' : `Down: ${ring.down.join(', ')}.`;
    const fallbacks = moved === 0 ? '' : ` Fallbacks serve ${moved.toLocaleString()} buckets.`;
    this.#words.textContent = `${ring.homes.length.toLocaleString()} buckets, ${ring.slots} slots. Outer band: the buckets, in the colour of the slot that serves them now. Inner band: the buckets, sorted by home slot. ${down}${fallbacks}`;
    this.#draw();
  }

  /** Highlights this slot and fades all others. With undefined, no slot is faded. */
  choose(slot) {
    if (slot === this.#chosen) return;
    this.#chosen = slot;
    this.#draw();
  }

  pointAt(bucket) {
    this.#pointedAt = bucket;
    this.#draw();
  }

  #draw() {
    const { clientWidth } = this.#canvas;
    const side = Math.round(clientWidth * devicePixelRatio);
    if (side === 0) return;
    this.#canvas.width = side;
    this.#canvas.height = side;
    const paint = this.#canvas.getContext('2d');
    const radius = side / 2;
    paint.translate(radius, radius);
    this.#band(paint, this.#ring.owners, radius * 0.96, radius * 0.68);
    this.#band(
      paint,
      [...this.#ring.homes].sort((one, other) => one - other),
      radius * 0.64,
      radius * 0.5,
    );
    this.#needle(paint, radius);
    const ink = getComputedStyle(this.#canvas);
    paint.fillStyle = ink.color;
    paint.textAlign = 'center';
    paint.textBaseline = 'middle';
    paint.font = `${Math.round(radius * 0.15)}px ${ink.fontFamily}`;
    paint.fillText(this.#chosen === undefined ? `${this.#ring.slots} slots` : `slot ${this.#chosen}`, 0, 0);
  }

  /** Draws adjacent buckets of one slot as one piece, so that no seams are visible. */
  #band(paint, slots, outer, inner) {
    const angleOf = (bucket) => top + (bucket / slots.length) * turn;
    for (let from = 0; from < slots.length; ) {
      let to = from + 1;
      while (to < slots.length && slots[to] === slots[from]) to += 1;
      paint.globalAlpha = this.#chosen === undefined || this.#chosen === slots[from] ? 1 : 0.13;
      paint.fillStyle = colorOf(slots[from]);
      paint.beginPath();
      paint.arc(0, 0, outer, angleOf(from), angleOf(to));
      paint.arc(0, 0, inner, angleOf(to), angleOf(from), true);
      paint.fill();
      from = to;
    }
    paint.globalAlpha = 1;
  }

  #needle(paint, radius) {
    if (this.#pointedAt === undefined || this.#ring.homes.length === 0) return;
    const angle = top + ((this.#pointedAt + 0.5) / this.#ring.homes.length) * turn;
    paint.save();
    paint.rotate(angle);
    paint.strokeStyle = getComputedStyle(this.#canvas).color;
    paint.lineWidth = Math.max(2, radius * 0.015);
    paint.beginPath();
    paint.moveTo(radius * 0.66, 0);
    paint.lineTo(radius, 0);
    paint.stroke();
    paint.restore();
  }
}
