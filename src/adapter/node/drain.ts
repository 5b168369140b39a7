import { ServerResponse } from 'node:http';

interface Head {
  shouldKeepAlive: boolean;
  _storeHeader(...head: unknown[]): void;
}
let answersClose = false;

/**
 * From now on every answer of this process says `Connection: close`, that of a request which is under way too: no listener reaches
 * those, and a client that was told to keep the connection would send its next request into the closing of it.
 */
export function answerWithClose(): void {
  if (answersClose) return;
  answersClose = true;
  const answers = ServerResponse.prototype as unknown as Head;
  const storeHeader = answers._storeHeader;
  answers._storeHeader = function (...head) {
    this.shouldKeepAlive = false;
    storeHeader.apply(this, head);
  };
}
