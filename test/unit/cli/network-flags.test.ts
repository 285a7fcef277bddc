import { describe, expect, it } from 'vitest';
import { withNetworkFlags } from '../../../src/cli/network-flags.ts';
import { DEFAULT_NETWORK } from '../../../src/config/defaults.ts';
import { plan, sandbox, step } from '../project/fake-vm.ts';

const PLAN = plan(
  sandbox('a', [step('one', 'ls', { env: { TOKEN: 'hunter2', B: '1' } })], { env: { TOKEN: 'x' } }),
  { ...sandbox('b', []), network: { ...DEFAULT_NETWORK, allowedHosts: ['b.test'] } },
);

function errorOf(run: () => unknown): Error & { code?: string; hint?: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

describe('withNetworkFlags()', () => {
  it('gives the same plan without flags', () => {
    expect(withNetworkFlags(PLAN, {})).toBe(PLAN);
  });

  it('allows hosts in each sandbox, in addition to its own', () => {
    const { sandboxes } = withNetworkFlags(PLAN, {
      allowHost: ['API.test', 'db.test:5432/tcp', '*.c.test', 'b.test'],
    });
    const added = ['api.test', 'db.test:5432/tcp', '*.c.test'];
    expect(sandboxes.map(({ network }) => network.allowedHosts)).toEqual([
      [...added, 'b.test'],
      ['b.test', ...added],
    ]);
  });

  it('adds secrets with their hosts, and keeps the variable itself from the guest', () => {
    const { sandboxes } = withNetworkFlags(PLAN, { hostSecret: ['TOKEN@api.test, *.api.test'] });
    expect(sandboxes[0]).toMatchObject({
      network: { allowedHosts: ['api.test', '*.api.test'] },
      secrets: [
        {
          name: 'TOKEN',
          hosts: ['api.test', '*.api.test'],
          from: { kind: 'env', variable: 'TOKEN' },
          query: false,
          headers: [],
          allowHttp: false,
        },
      ],
    });
    expect(sandboxes[0]?.vm.env).toEqual({});
    expect(sandboxes[0]?.steps[0]?.env).toEqual({ B: '1' });
  });

  it.each([
    'TOKEN=hunter2@a.test',
    'hunter2',
    '@hunter2',
    'hun ter2@a.test',
    'TOKEN@',
    'TOKEN@ , ',
    'TOKEN@hunter2/x',
    'TOKEN@*',
    'TOKEN@db.test:1/tcp',
  ])('refuses --host-secret %s and shows nothing of it', (text) => {
    const error = errorOf(() => withNetworkFlags(PLAN, { hostSecret: [text] }));
    expect(error).toMatchObject({ code: 'CLI_USAGE', exit: 2 });
    expect(error.message + error.hint).not.toMatch(/hunter2|ter2/);
  });

  it('hints how to pass a value that was given on the command line', () => {
    const { hint } = errorOf(() => withNetworkFlags(PLAN, { hostSecret: ['T=v@a.test'] }));
    expect(hint).toContain('--host-secret NAME@host');
  });

  it('refuses invalid hosts, repeated secrets and a sandbox without a network', () => {
    const offline = plan({ ...sandbox('a', []), network: { ...DEFAULT_NETWORK, mode: 'none' } });
    const [own] = withNetworkFlags(PLAN, { hostSecret: ['T@a.test'] }).sandboxes;
    for (const run of [
      () => withNetworkFlags(PLAN, { allowHost: ['https://a.test/'] }),
      () => withNetworkFlags(PLAN, { hostSecret: ['T@a.test', 'T@b.test'] }),
      () => withNetworkFlags(offline, { allowHost: ['a.test'] }),
      () =>
        withNetworkFlags(plan(...(own === undefined ? [] : [own])), { hostSecret: ['T@a.test'] }),
    ]) {
      expect(errorOf(run)).toMatchObject({ code: 'CLI_USAGE' });
    }
  });
});
