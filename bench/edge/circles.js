/** Models of the consistent hashing of nginx and HAProxy: the share of each server, and the server of each key. */
import { crc32 } from 'node:zlib';

const size = 2 ** 32;

/**
 * nginx, `hash … consistent`: 160 points for each unit of weight. Each point is the CRC-32 of host, port and the point before. A key
 * goes to the next point.
 */
export function nginxCircle(servers) {
  const circle = new Circle(servers, (weight) => weight * 160, false);
  const place = Buffer.alloc(4);
  for (const [index, { host, port, weight }] of servers.entries()) {
    const base = crc32(`${host}\0${port}`);
    let before = 0;
    for (let i = 0; i < weight * 160; i++) {
      place.writeUInt32LE(before);
      before = crc32(place, base);
      circle.add(before, index);
    }
  }
  return circle.close();
}

/** HAProxy, `hash-type consistent`: 16 points for each unit of weight, made from the server's number. A key goes to the nearest point. */
export function haproxyCircle(servers) {
  const circle = new Circle(servers, (weight) => weight * 16, true);
  for (const [index, { id, weight }] of servers.entries()) {
    for (let i = 0; i < weight * 16; i++) circle.add(avalanche(id * 4096 + i), index);
  }
  return circle.close();
}

/** Bob Jenkins' integer hash of 32 bits, then a multiplication, as in HAProxy. */
function avalanche(number) {
  let a = number | 0;
  a = (a + 0x7ed55d16 + (a << 12)) | 0;
  a = a ^ 0xc761c23c ^ (a >>> 19);
  a = (a + 0x165667b1 + (a << 5)) | 0;
  a = ((a + 0xd3a2646c) ^ (a << 9)) | 0;
  a = (a + 0xfd7046c5 + (a << 3)) | 0;
  a = a ^ 0xb55a4f09 ^ (a >>> 16);
  return Math.imul(a, 3221225473) >>> 0;
}

class Circle {
  #packed;
  #count = 0;
  #servers;
  #nearest;

  constructor(servers, placesOf, nearest) {
    this.#servers = servers.length;
    this.#nearest = nearest;
    this.#packed = new Float64Array(servers.reduce((sum, { weight }) => sum + placesOf(weight), 0));
  }

  /** Adds a point of a server. Both are stored in one number of 53 bits, so that they are sorted together. */
  add(place, server) {
    this.#packed[this.#count++] = place * 2 ** 17 + server;
  }

  close() {
    this.#packed.sort();
    return this;
  }

  /** The share of the keys of each server. The sum is 1. */
  shares() {
    const shares = new Float64Array(this.#servers);
    const at = (i) => Math.floor(this.#packed[i] / 2 ** 17);
    const owner = (i) => this.#packed[i] % 2 ** 17;
    for (let i = 0; i < this.#count; i++) {
      const before = i === 0 ? at(this.#count - 1) - size : at(i - 1);
      const arc = (at(i) - before) / size;
      if (!this.#nearest) shares[owner(i)] += arc;
      else {
        shares[owner(i)] += arc / 2;
        shares[owner(i === 0 ? this.#count - 1 : i - 1)] += arc / 2;
      }
    }
    return shares;
  }

  ownerOf(key) {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#packed[middle] < key * 2 ** 17) low = middle + 1;
      else high = middle;
    }
    const next = low % this.#count;
    const previous = (low + this.#count - 1) % this.#count;
    const at = (i) => Math.floor(this.#packed[i] / 2 ** 17);
    const on = (at(next) - key + size) % size;
    const back = (key - at(previous) + size) % size;
    return this.#packed[this.#nearest && back < on ? previous : next] % 2 ** 17;
  }
}
