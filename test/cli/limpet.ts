import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from '../processes/app.ts';

const entry: string = fileURLToPath(new URL('../../dist/cli/limpet.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** The directories of a test user, so that the test finds no routers of other tests. */
export class Home {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'limpet-home-'));
  readonly env: Record<string, string> = {
    XDG_RUNTIME_DIR: this.directory,
    XDG_STATE_HOME: join(this.directory, 'state'),
    LIMPET_NAME: '',
    NO_COLOR: '1',
  };

  /** Runs `limpet ...args` until it exits. */
  limpet(args: string[], { cwd = this.directory, env = {} }: RunOptions = {}): Ran {
    const run = spawnSync(process.execPath, [entry, ...args], {
      encoding: 'utf8',
      cwd,
      env: { ...process.env, ...this.env, ...env },
      timeout: 60_000,
    });
    return { code: run.status, out: run.stdout, err: run.stderr };
  }

  /** Starts `limpet ...args`, which runs until it is stopped. */
  start(args: string[], { cwd = this.directory, env = {} }: RunOptions = {}): App {
    return new App(
      spawn(process.execPath, [entry, ...args], {
        cwd,
        env: { ...process.env, ...this.env, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
  }

  leave(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
