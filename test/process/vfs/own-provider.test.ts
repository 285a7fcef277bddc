import { constants } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { GreetingProvider } from '../../fixtures/package/greeting-provider.ts';

it("FuseServer serves a provider written against the SDK's types", async () => {
  const client = await FuseClient.start(new GreetingProvider(['ada', 'grace']), {
    uid: 1000,
    gid: 1001,
  });
  onTestFinished(() => client.server.close());
  const id = await client.walk('m/grace');
  expect(await client.stat(id)).toMatchObject({
    size: 12,
    mode: constants.S_IFREG | 0o444,
    uid: 1000,
    gid: 1001,
  });
  const handle = await client.open(id, 0);
  const { body } = await client.read(id, handle, 6, 100);
  expect(body.toString()).toBe('grace\n');
  await expect(client.walk('m/nobody')).rejects.toThrow('ENOENT');
  await expect(client.create(await client.walk('m'), 'new')).rejects.toThrow('EROFS');
});
