import type { IncomingMessage } from 'node:http';
import type { Adapter } from '../../adapter/contract.js';
import { believeProxyHeaders } from '../../adapter/proxied-client.js';
import { isProxied } from '../../adapter/proxied-socket.js';
import { RequestClaims } from '../../affinity/client-identity.js';
import { CookieIssuer } from '../../affinity/cookie.js';
import { setCookieOn } from '../../affinity/set-cookie.js';
import { sidMaker } from '../../affinity/socket-io.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { type NeighbourTable, unpackAffinity } from '../protocol.js';
import { doorPath, incarnations, Neighbours } from './peers.js';

/** What a process must know of the router's affinity: to mark its clients, and to pass on the requests of others'. */
export class WorkerAffinity {
  /** Where limpet's own cookie is a rule. */
  readonly cookies: CookieIssuer | undefined;
  readonly makeSid: () => string;
  readonly #rehoming:
    | {
        neighbours: Neighbours;
        claims: RequestClaims;
        ofProxied: RequestClaims | undefined;
        directory: string;
      }
    | undefined;
  readonly #row: number;

  /** `pass` is an AffinityPass, serialized. */
  constructor(pass: string, slot: number, row: number) {
    const { cookie, sidKey, proxied, rehoming } = unpackAffinity(pass);
    if (proxied) believeProxyHeaders();
    this.#row = row;
    this.makeSid = sidMaker(sidKey, slot, row % incarnations);
    this.cookies = cookie && new CookieIssuer(cookie, slot);
    this.#rehoming = rehoming && {
      neighbours: new Neighbours(rehoming.directory, slot, row, new SlotRing(rehoming.ring)),
      claims: new RequestClaims(rehoming.chain, { proxied: false }),
      ofProxied: proxied ? new RequestClaims(rehoming.chain, { proxied: true }) : undefined,
      directory: rehoming.directory,
    };
  }

  update(table: NeighbourTable): void {
    this.#rehoming?.neighbours.update(table);
  }

  /** Lets the answers carry the cookie. */
  mark(adapter: Adapter): void {
    const { cookies } = this;
    if (cookies) adapter.eachRequest?.((request, response) => setCookieOn(request, response, cookies));
  }

  /** Lets the listener's requests go where they belong, then calls `opened`. */
  rehome(adapter: Adapter, listener: number, loadBounded: boolean, opened: () => void): void {
    if (!this.#rehoming || !adapter.rehome) {
      opened();
      return;
    }
    const { neighbours, claims, ofProxied, directory } = this.#rehoming;
    const ownerOf = (request: IncomingMessage, chosen: boolean) => {
      const claim = (ofProxied && isProxied(request.socket) ? ofProxied : claims).of(request);
      // With a bound on the load the ring does not know where the front has placed the connection.
      const placed = loadBounded && claim.slot === undefined && claim.first;
      return placed ? undefined : neighbours.doorOf(claim, listener, chosen);
    };
    adapter.rehome(doorPath(directory, listener, this.#row), ownerOf, opened);
  }
}
