import { beforeEach, describe, expect, it } from 'vitest';
import { KeepAliveTokens } from '../../../src/cluster/worker/keep-alive-tokens.ts';

let tokens: KeepAliveTokens;
let ended: string[];
beforeEach(() => {
  tokens = new KeepAliveTokens();
  ended = [];
});

const add = (name: string) => tokens.add(() => ended.push(name));

/** Asks for the release. Returns whether it has come. */
function watchRelease(): () => Promise<boolean> {
  let isReleased = false;
  tokens.released().then(() => {
    isReleased = true;
  });
  return async () => {
    await null;
    await null;
    return isReleased;
  };
}

describe('released()', () => {
  it('resolves at once without tokens', async () => {
    expect(await watchRelease()()).toBe(true);
  });

  it('resolves when the last token is released, and ends none', async () => {
    const [first, second] = [add('first'), add('second')];
    const isReleased = watchRelease();
    second();
    expect(await isReleased()).toBe(false);
    first();
    expect(await isReleased()).toBe(true);
    expect(ended).toEqual([]);
  });

  it('a token that is released twice counts once', async () => {
    const first = add('first');
    add('second');
    const isReleased = watchRelease();
    first();
    first();
    expect(await isReleased()).toBe(false);
  });

  it('the same end may be added twice, as two tokens', async () => {
    const end = () => ended.push('end');
    const releases = [tokens.add(end), tokens.add(end)];
    const isReleased = watchRelease();
    releases[0]?.();
    expect(await isReleased()).toBe(false);
    releases[1]?.();
    expect(await isReleased()).toBe(true);
  });

  it('tokens that were released before it is asked for do not count', async () => {
    add('gone')();
    expect(await watchRelease()()).toBe(true);
  });

  it('a token that is added later is waited for', async () => {
    const first = add('first');
    const isReleased = watchRelease();
    const second = add('second');
    first();
    expect(await isReleased()).toBe(false);
    second();
    expect(await isReleased()).toBe(true);
  });
});

describe('end()', () => {
  it('ends all tokens in their order and resolves the release', async () => {
    add('first');
    add('second');
    const isReleased = watchRelease();
    tokens.end();
    expect(ended).toEqual(['first', 'second']);
    expect(await isReleased()).toBe(true);
  });

  it('a token whose end releases others does not spare them', () => {
    const releases: (() => void)[] = [];
    tokens.add(() => {
      ended.push('first');
      for (const release of releases) release();
    });
    releases.push(add('second'));
    tokens.end();
    expect(ended).toEqual(['first', 'second']);
  });

  it('does not end a token that was released', () => {
    add('gone')();
    tokens.end();
    expect(ended).toEqual([]);
  });

  it('before the release is asked for, tokens that were ended still have to be released', async () => {
    const release = add('first');
    tokens.end();
    const isReleased = watchRelease();
    expect(await isReleased()).toBe(false);
    release();
    expect(await isReleased()).toBe(true);
  });
});
