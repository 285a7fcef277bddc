import { expect, it } from 'vitest';
import { ENGINE_LACKS, ENGINE_PROBES, PROBE_HANDLER } from '../../fixtures/engine-probes.ts';
import { loadHandlers } from './local-sandbox.ts';

it.each(Object.entries(ENGINE_PROBES))(
  'the engine has what it is said to have of %s',
  async (_, probes) => {
    const loaded = await loadHandlers({ probe: PROBE_HANDLER });
    const lacks = probes.filter((probe) => ENGINE_LACKS.includes(probe));
    expect(await loaded.callHandler('probe', probes)).toEqual(lacks);
  },
);
