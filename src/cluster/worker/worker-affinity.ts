import type { IncomingMessage } from 'node:http';
import type { Adapter } from '../../adapter/contract.js';
import { trustProxyHeaders } from '../../adapter/proxied-client.js';
import { isProxied } from '../../adapter/proxied-socket.js';
import { ClientIdentityReader } from '../../affinity/client-identity.js';
import { CookieIssuer } from '../../affinity/cookie.js';
import { setCookieOn } from '../../affinity/set-cookie.js';
import { sidMaker } from '../../affinity/socket-io.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { type PeerTable, unpackAffinity } from '../protocol.js';
import { generations, Peers, peerSocketPath } from './peers.js';

/** What a process must know of the router's affinity: to mark its clients, and to pass on the requests of others'. */
export class WorkerAffinity {
  /** Where limpet's own cookie is a rule. */
  readonly cookies: CookieIssuer | undefined;
  readonly makeSid: () => string;
  readonly #forwarding:
    | {
        peers: Peers;
        claims: ClientIdentityReader;
        ofProxied: ClientIdentityReader | undefined;
        directory: string;
      }
    | undefined;
  readonly #workerIndex: number;

  /** `pass` is an AffinityPass, serialized. */
  constructor(pass: string, slot: number, workerIndex: number) {
    const { cookie, sidKey, proxied, forwarding } = unpackAffinity(pass);
    if (proxied) trustProxyHeaders();
    this.#workerIndex = workerIndex;
    this.makeSid = sidMaker(sidKey, slot, workerIndex % generations);
    this.cookies = cookie && new CookieIssuer(cookie, slot);
    this.#forwarding = forwarding && {
      peers: new Peers(forwarding.directory, slot, workerIndex, new SlotRing(forwarding.ring)),
      claims: new ClientIdentityReader(forwarding.chain, { proxied: false }),
      ofProxied: proxied ? new ClientIdentityReader(forwarding.chain, { proxied: true }) : undefined,
      directory: forwarding.directory,
    };
  }

  update(table: PeerTable): void {
    this.#forwarding?.peers.update(table);
  }

  /** Lets the answers carry the cookie. */
  mark(adapter: Adapter): void {
    const { cookies } = this;
    if (cookies) adapter.eachRequest?.((request, response) => setCookieOn(request, response, cookies));
  }

  /** Lets the listener's requests go where they belong, then calls `opened`. */
  forwardRequests(adapter: Adapter, listener: number, loadBounded: boolean, opened: () => void): void {
    if (!this.#forwarding || !adapter.forwardRequests) {
      opened();
      return;
    }
    const { peers, claims, ofProxied, directory } = this.#forwarding;
    const ownerOf = (request: IncomingMessage, chosen: boolean) => {
      const claim = (ofProxied && isProxied(request.socket) ? ofProxied : claims).of(request);
      // With a bound on the load the ring does not know where the front has placed the connection.
      const placed = loadBounded && claim.slot === undefined && claim.first;
      return placed ? undefined : peers.peerSocketOf(claim, listener, chosen);
    };
    adapter.forwardRequests(peerSocketPath(directory, listener, this.#workerIndex), ownerOf, opened);
  }
}
