import { beforeEach, describe, expect, it } from 'vitest';
import { UwsResponses } from '../../../src/adapter/uws/uws-responses.ts';

class Response {
  readonly calls: unknown[][] = [];
  write(...args: unknown[]): number {
    return this.calls.push(['write', ...args]);
  }
  end(...args: unknown[]): string {
    this.calls.push(['end', ...args]);
    return 'ended';
  }
  endWithoutBody(...args: unknown[]): string {
    this.calls.push(['endWithoutBody', ...args]);
    return 'ended';
  }
}

let responses: UwsResponses;
let make: () => Response;

beforeEach(() => {
  // Each test has its own class, because it stays patched.
  class OwnResponse extends Response {}
  for (const name of ['write', 'end', 'endWithoutBody'] as const) {
    Object.assign(OwnResponse.prototype, { [name]: Response.prototype[name] });
  }
  responses = new UwsResponses();
  make = () => new OwnResponse();
});

describe('UwsResponses', () => {
  it('changes nothing before closeConnections()', () => {
    responses.observe(make());
    const response = make();
    response.write('a');
    response.end('b', false);
    response.endWithoutBody(5);
    expect(response.calls).toEqual([
      ['write', 'a'],
      ['end', 'b', false],
      ['endWithoutBody', 5],
    ]);
  });

  it('makes each response close its connection', () => {
    responses.observe(make());
    responses.closeConnections();
    const [plain, empty, asking, head] = [make(), make(), make(), make()];
    expect([plain.end('b'), empty.end(), asking.end('b', true), head.endWithoutBody(5)]).toEqual(
      Array(4).fill('ended'),
    );
    expect([plain, empty, asking, head].map(({ calls }) => calls)).toEqual([
      [['end', 'b', true]],
      [['end', undefined, true]],
      [['end', 'b', true]],
      [['endWithoutBody', 5, true]],
    ]);
  });

  it('leaves a response open that has begun as a stream, before or after', () => {
    responses.observe(make());
    const before = make();
    before.write('a');
    responses.closeConnections();
    const after = make();
    after.write('a');
    before.end('b');
    after.end();
    expect(before.calls.at(-1)).toEqual(['end', 'b', false]);
    expect(after.calls.at(-1)).toEqual(['end', undefined, false]);
  });

  it('cannot close after a response without body and length', () => {
    responses.observe(make());
    responses.closeConnections();
    const response = make();
    response.endWithoutBody();
    expect(response.calls).toEqual([['endWithoutBody']]);
  });

  it('patches the class when it is first seen, if that is later', () => {
    responses.closeConnections();
    const response = make();
    responses.observe(response);
    response.end('b');
    expect(response.calls).toEqual([['end', 'b', true]]);
  });

  it('patches once, however often it is called', () => {
    responses.observe(make());
    responses.closeConnections();
    const { end, write } = Object.getPrototypeOf(make());
    responses.observe(make());
    responses.closeConnections();
    const prototype = Object.getPrototypeOf(make());
    expect([prototype.end === end, prototype.write === write]).toEqual([true, true]);
  });
});
