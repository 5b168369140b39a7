import type {
  Backend,
  BackendListener,
  BackendStatus,
  Replaced,
  Row,
} from '../../../src/session/core/backend.ts';

/** A backend in a Map, which records its calls. A test can hold a call back or let it fail. */
export class FakeBackend implements Backend {
  readonly rows = new Map<string, Row>();
  readonly calls: unknown[][] = [];
  readonly followed: string[] = [];
  readonly unfollowed: string[] = [];
  batches: string[][] | undefined;
  listener: BackendListener | undefined;
  closed = 0;
  /** Runs before each call has its effect. May throw, or return a promise that the call waits for. */
  before: (call: string, sid: string) => unknown = () => undefined;

  /** Stores a row without a call. */
  put(sid: string, fields: object, expiresAt: number = Date.now() + 60_000): string {
    const raw = JSON.stringify(fields);
    this.rows.set(sid, { raw, expiresAt });
    return raw;
  }

  fieldsOf(sid: string): unknown {
    const row = this.rows.get(sid);
    return row && JSON.parse(row.raw);
  }

  async read(sid: string): Promise<Row | undefined> {
    this.calls.push(['read', sid]);
    await this.before('read', sid);
    return this.rows.get(sid);
  }

  lastKnown(sid: string): Row | undefined {
    return this.rows.get(sid);
  }

  async create(sid: string, raw: string, ttlMs: number): Promise<void> {
    this.calls.push(['create', sid, raw, ttlMs]);
    await this.before('create', sid);
    this.rows.set(sid, { raw, expiresAt: Date.now() + ttlMs });
  }

  async replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    this.calls.push(['replace', sid, known, raw, ttlMs]);
    await this.before('replace', sid);
    const row = this.rows.get(sid);
    if (!row) return 'gone';
    if (known !== undefined && row.raw !== known) return row;
    this.rows.set(sid, { raw, expiresAt: Date.now() + ttlMs });
    return 'stored';
  }

  async touch(sid: string, ttlMs: number): Promise<boolean> {
    this.calls.push(['touch', sid, ttlMs]);
    await this.before('touch', sid);
    const row = this.rows.get(sid);
    if (row) this.rows.set(sid, { raw: row.raw, expiresAt: Date.now() + ttlMs });
    return row !== undefined;
  }

  async remove(sid: string): Promise<void> {
    this.calls.push(['remove', sid]);
    await this.before('remove', sid);
    this.rows.delete(sid);
  }

  async *list(): AsyncGenerator<string[]> {
    yield* this.batches ?? [[...this.rows.keys()]];
  }

  follow(sid: string): void {
    this.followed.push(sid);
  }

  unfollow(sid: string): void {
    this.unfollowed.push(sid);
  }

  listen(listener: BackendListener): void {
    this.listener = listener;
  }

  status(): BackendStatus {
    return { kind: 'fake', up: true };
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/** A promise that the test settles. */
export function gate(): { passed: Promise<void>; open: () => void; fail: (error: Error) => void } {
  let open = (): void => undefined;
  let fail = (_error: Error): void => undefined;
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { passed, open, fail };
}
