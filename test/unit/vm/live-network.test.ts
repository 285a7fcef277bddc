import { expect, it } from 'vitest';
import { LiveNetwork } from '../../../src/vm/live-network.ts';

it('LiveNetwork of a VM without a network says so, and cannot be updated', async () => {
  const network = new LiveNetwork(null);
  expect(network.policy).toMatchObject({ mode: 'none', allowedHosts: [], secrets: [] });
  await expect(network.update({ mode: 'open' })).rejects.toMatchObject({ code: 'VM_NO_NETWORK' });
});
