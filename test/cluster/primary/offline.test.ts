import { describe, expect, it } from 'vitest';
import { explainOffline, ringOffline } from '../../../src/cluster/primary/offline.ts';
import { deriveKey } from '../../../src/ring/secret.ts';
import { SlotRing } from '../../../src/ring/slot-ring.ts';
import { request } from '../../affinity/heads.ts';

const secret = 'a secret of enough bytes';

describe('the ring of a router that does not run', () => {
  it('has the number of slots and buckets of the options, all slots up', () => {
    const ring = ringOffline({ workers: 3, buckets: 256 });
    expect(ring).toMatchObject({ slots: 3, down: [] });
    expect(ring.homes).toHaveLength(256);
    expect(ring.owners).toEqual(ring.homes);
  });

  it('is the same for every secret', () => {
    const { homes } = ringOffline({ workers: 3, secret });
    expect(ringOffline({ workers: 3 }).homes).toEqual(homes);
    expect([...new SlotRing({ slots: 3, key: deriveKey(secret, 'ring', 8) }).homeTable()]).toEqual(homes);
  });
});

describe('the slot of a client in a router that does not run', () => {
  const ring = new SlotRing({ slots: 4, key: deriveKey(secret, 'ring', 8) });

  it('is that of its address', () => {
    expect(explainOffline({ workers: 4, secret, affinity: 'cookie' }, '203.0.113.7')).toEqual({
      rule: 'address',
      client: '203.0.113.7',
      ...ring.explain('203.0.113.7'),
    });
  });

  it('is what the rules make of its request head', () => {
    const head = request('/', 'x-user: ada');
    expect(explainOffline({ workers: 4, secret, affinity: { header: 'x-user' } }, { head })).toMatchObject({
      rule: 'header x-user',
      client: 'ada',
      owner: ring.slotOfKey('ada'),
    });
  });

  it('depends on the secret: without one there is no answer', () => {
    expect(() => explainOffline({ workers: 4 }, '203.0.113.7')).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_OPTION',
        message:
          "the slot of a client depends on the router's secret, and there is none here. Give LIMPET_SECRET or --secret.",
        facts: { option: 'secret' },
      }),
    );
  });

  it('needs an address', () => {
    expect(() => explainOffline({ workers: 4, secret }, 'nowhere')).toThrow(
      expect.objectContaining({ code: 'ERR_LIMPET_ADDRESS' }),
    );
  });
});
