import { afterEach, describe, expect, it } from 'vitest';
import { Hall, loopback, visitAll } from './hall.js';

let hall: Hall | undefined;
afterEach(async () => {
  await hall?.close();
  hall = undefined;
});

for (const handoff of ['kernel', 'fd'] as const) {
  describe(`handoff ${handoff}`, () => {
    it('serves 4,000 addresses by the slots that the ring says', async () => {
      hall = new Hall(handoff);
      await hall.open();
      await hall.fill();
      const clients = loopback(4000);
      const served = await visitAll(hall.port, clients);
      expect(served.map(({ slot }) => slot)).toEqual(
        clients.map((address) => hall?.ring.slotOfAddress(address)),
      );
    });
  });
}
