import type { IncomingMessage } from 'node:http';
import type { Adapter } from '../../adapter/contract.js';
import { isProxied, trustProxyHeaders } from '../../adapter/proxied-client.js';
import { ClientIdentityReader } from '../../affinity/client-identity.js';
import { CookieIssuer } from '../../affinity/cookie.js';
import { setCookieOn } from '../../affinity/set-cookie.js';
import { sidMaker } from '../../affinity/socket-io.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { type PeerTable, unpackAffinity } from '../protocol.js';
import { generations, Peers, peerSocketPath } from './peers.js';

interface Forwarding {
  readonly directory: string;
  readonly peers: Peers;
  readonly identities: ClientIdentityReader;
  /** Reads requests of connections whose client a PROXY header named. Undefined if the router accepts no such headers. */
  readonly identitiesOfProxied: ClientIdentityReader | undefined;
}

/** A worker's part in affinity: it issues cookies and session ids that lead back to it, and forwards requests of others' clients. */
export class WorkerAffinity {
  /** Undefined if limpet's own cookie is not among the rules. */
  readonly cookies: CookieIssuer | undefined;
  /** Makes an Engine.IO session id that leads back to this process. */
  readonly makeSid: () => string;
  readonly #workerIndex: number;
  readonly #forwarding: Forwarding | undefined;

  /** `settings` are {@link AffinitySettings}, serialized. */
  constructor(settings: string, slot: number, workerIndex: number) {
    const { cookie, sidKey, proxied, forwarding } = unpackAffinity(settings);
    if (proxied) trustProxyHeaders();
    this.#workerIndex = workerIndex;
    this.makeSid = sidMaker(sidKey, slot, workerIndex % generations);
    this.cookies = cookie && new CookieIssuer(cookie, slot);
    this.#forwarding = forwarding && {
      directory: forwarding.directory,
      peers: new Peers(forwarding.directory, slot, workerIndex, new SlotRing(forwarding.ring)),
      identities: new ClientIdentityReader(forwarding.chain, { proxied: false }),
      identitiesOfProxied: proxied
        ? new ClientIdentityReader(forwarding.chain, { proxied: true })
        : undefined,
    };
  }

  /** Takes a new table of the router's processes. */
  update(table: PeerTable): void {
    this.#forwarding?.peers.update(table);
  }

  /** Makes the adapter's server set the cookie on its responses. */
  setCookies(adapter: Adapter): void {
    const { cookies } = this;
    if (cookies) adapter.eachRequest?.((request, response) => setCookieOn(request, response, cookies));
  }

  /** Makes the listener forward requests of other workers' clients. `opened` is called when it can also receive such requests. */
  forwardRequests(adapter: Adapter, listener: number, loadBounded: boolean, opened: () => void): void {
    if (!this.#forwarding || !adapter.forwardRequests) {
      opened();
      return;
    }
    const { directory, peers, identities, identitiesOfProxied } = this.#forwarding;
    const peerOf = (request: IncomingMessage, direct: boolean) => {
      const reader = identitiesOfProxied && isProxied(request.socket) ? identitiesOfProxied : identities;
      const client = reader.of(request);
      // With a bound on the load, the acceptor may have chosen another slot than the ring. The client that it chose for stays here.
      const staysHere = loadBounded && client.slot === undefined && client.first;
      return staysHere ? undefined : peers.peerSocketOf(client, listener, direct);
    };
    adapter.forwardRequests(peerSocketPath(directory, listener, this.#workerIndex), peerOf, opened);
  }
}
