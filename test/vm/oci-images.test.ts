import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { FakeRegistry } from '../fixtures/oci/fake-registry.ts';
import { makeImage } from '../fixtures/oci/made-image.ts';
import { rawTar } from '../fixtures/oci/raw-tar.ts';

const busybox = readFileSync('/bin/busybox');
const directory = (name: string, more = {}) => ({ name, type: '5', mode: 0o755, ...more });
const link = (name: string) => ({ name: `bin/${name}`, type: '2', link: 'busybox' });

/** As an image that people build: a shell, a user, a command; the second layer changes the first. */
const app = makeImage({
  layers: [
    rawTar(
      ...[directory('bin/'), { name: 'bin/busybox', mode: 0o755, content: busybox }],
      ...['sh', 'id', 'pwd', 'stat', 'ls'].map(link),
      { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\napp:x:1234:1235::/srv:/bin/sh\n' },
      { name: 'etc/group', content: 'root:x:0:\nteam:x:1235:\n' },
      directory('srv/', { uid: 1234, gid: 1235 }),
      ...[
        { name: 'srv/old', content: 'old' },
        { name: 'srv/kept', content: 'kept' },
      ],
    ),
    rawTar(
      { name: 'srv/.wh.old' },
      { name: 'srv/same', type: '1', link: 'srv/kept' },
      {
        name: 'bin/entry',
        mode: 0o755,
        content: '#!/bin/sh\necho "entry got $* as $(id -un)"\n',
      },
    ),
  ],
  config: {
    Env: ['PATH=/bin', 'FROM_IMAGE=yes', 'SSL_CERT_FILE=/of/the/image', 'OVERRIDDEN=no'],
    ...{ User: 'app', WorkingDir: '/srv', Entrypoint: ['/bin/entry'], Cmd: ['own', 'words'] },
  },
});

it('an OCI image boots as it says: user, directory, variables and entrypoint', async () => {
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  const cwd = directoryWith(`
name: oci
images:
  app: { oci: "${registry.push(app, '1')}" }
sandboxes:
  app:
    image: app
    env: { OVERRIDDEN: "yes" }
    steps:
      - name: facts
        run: 'echo "$(id -un):$(id -gn) $(pwd) $FROM_IMAGE $OVERRIDDEN $PATH"; echo "trust $SSL_CERT_FILE"; ls; stat -c "%h" kept'
    run: []
`);
  const pulled = await runBuiltCli(['pull', 'app'], { cwd });
  expect(pulled.stdout, pulled.all).toMatch(/\/app:1: ready, /);
  const asked = registry.requests.length;
  const { code, stdout, all } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(code, all).toBe(0);
  const lines = stdout.split('\n');
  const facts = lines
    .filter((line) => line.startsWith('[app facts] '))
    .map((line) => line.slice(12));
  expect(facts).toEqual([
    'app:team /srv yes yes /bin',
    expect.stringMatching(/^trust \/etc\/gondolin/),
    ...['kept', 'same', '2'],
  ]);
  expect(stdout).toContain('[app] entry got own words as app');
  expect(registry.requests.length).toBe(asked);
});
