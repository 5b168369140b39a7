/** A client that keeps its cookies, as a browser does. */
export class Browser {
  readonly #origin: string;
  /** By name, encoded as in the Cookie header. */
  readonly cookies = new Map<string, string>();

  constructor(port: number, cookies: Iterable<readonly [string, string]> = []) {
    this.#origin = `http://127.0.0.1:${port}`;
    this.cookies = new Map(cookies);
  }

  /** Returns a client with the same cookies for another port. */
  at(port: number): Browser {
    return new Browser(port, this.cookies);
  }

  async get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: string; setCookie: string[] }> {
    const response = await fetch(this.#origin + path, { headers: { cookie: this.header, ...headers } });
    const setCookie = response.headers.getSetCookie();
    for (const line of setCookie) {
      const [pair = ''] = line.split(';');
      this.cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return { status: response.status, body: await response.text(), setCookie };
  }

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** The sid in the session cookie. */
  get sid(): string {
    return /^s:([^.]+)\./.exec(decodeURIComponent(this.cookies.get('connect.sid') ?? ''))?.[1] ?? '';
  }
}
