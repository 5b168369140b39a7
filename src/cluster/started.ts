import type { LimpetError } from '../errors.js';

/** A promise that may be rejected before anybody looks at it. */
export class Started {
  resolve: () => void = () => {};
  reject: (error: LimpetError) => void = () => {};
  readonly promise: Promise<void> = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    this.promise.catch(() => {});
  }
}
