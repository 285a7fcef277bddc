import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

/** Starts a server that responds with the headers of the request. */
async function startEcho(): Promise<number> {
  const server = createServer((request, response) => {
    response.end(`${request.headers['x-hooked']} ${request.headers.authorization}\n`);
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

it('the built CLI runs steps with a network, a policy script and a secret, and warns of nothing', async () => {
  const port = await startEcho();
  const project = join(temporaryDirectory(), 'project');
  mkdirSync(project);
  writeFileSync(
    join(project, 'policy.mjs'),
    "export function onRequest(request) { request.headers.set('x-hooked', 'yes'); }\n",
  );
  writeFileSync(
    join(project, 'gondolin.yaml'),
    `network:
  allowed_hosts: [site.test]
  extra_hosts: ["site.test:127.0.0.1:${port}"]
  policy_script: ./policy.mjs
secrets:
  - { name: TOKEN, hosts: [site.test], from: { env: HOST_TOKEN }, allow_http: true }
steps:
  - name: ask
    run:
      - /bin/bash
      - -c
      - |
        exec 3<>/dev/tcp/site.test/80
        printf 'GET / HTTP/1.0\\r\\nhost: site.test\\r\\nauthorization: Bearer %s\\r\\n\\r\\n' "$TOKEN" >&3
        cat <&3
`,
  );
  const env = { HOST_TOKEN: 'the-value-of-the-secret' };
  const { code, stdout, stderr } = await runBuiltCli(['run'], { cwd: project, env });
  expect(code).toBe(0);
  expect(stdout + stderr).toMatch(/yes Bearer GONDOLIN_SECRET_[0-9a-f]{32}/);
  expect(stdout + stderr).not.toContain('the-value-of-the-secret');
  expect(stderr).not.toContain('Warning');
});
