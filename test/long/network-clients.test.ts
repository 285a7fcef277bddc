import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ClientSandbox, openClientSandbox } from '../fixtures/net/client-sandbox.ts';

let sandbox: ClientSandbox;

beforeAll(async () => {
  sandbox = await openClientSandbox();
});

afterAll(() => sandbox?.close());

it('npm says why its host is refused', async () => {
  const told = await sandbox.vm.exec('cd /tmp; npm view --fetch-retries 0 picomatch', {
    env: { npm_config_registry: 'https://unlisted.clients.test/' },
  });
  expect(told.exitCode).toBe(1);
  expect(told.stderr).toMatch(
    /403 Forbidden[^\n]*gondolin: blocked[^\n]*allowed_hosts: \["unlisted\.clients\.test"\]/,
  );
});
