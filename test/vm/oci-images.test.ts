import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
      ...['sh', 'id', 'pwd', 'cat', 'sleep', 'stat', 'ls'].map(link),
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
        content: '#!/bin/sh\necho "entry got $* as $(id -un)"\nexec sleep 1000\n',
      },
    ),
  ],
  config: {
    Env: ['PATH=/bin', 'FROM_IMAGE=yes', 'SSL_CERT_FILE=/of/the/image', 'OVERRIDDEN=no'],
    ...{ User: 'app', WorkingDir: '/srv', Entrypoint: ['/bin/entry'], Cmd: ['own', 'words'] },
  },
});

/** As a distroless image: one static program, users, and nothing else. */
function makeStatic(source: string) {
  const cwd = directoryWith();
  writeFileSync(join(cwd, 'hello.c'), source);
  execFileSync('musl-gcc', ['-static', '-O1', '-o', 'hello', 'hello.c'], { cwd });
  const passwd =
    'root:x:0:0::/:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n';
  return makeImage({
    layers: [
      rawTar({ name: 'etc/passwd', content: passwd }),
      rawTar({ name: 'hello', mode: 0o755, content: readFileSync(join(cwd, 'hello')) }),
    ],
    compression: 'zstd',
    config: { User: 'nonroot' },
  });
}

const HELLO = `#include <stdio.h>
#include <unistd.h>
int main(void) {
    FILE *file = fopen("/work/written", "w");
    if (file == NULL) return 3;
    fprintf(file, "by %d", getuid());
    fclose(file);
    printf("hello from %d:%d\\n", getuid(), getgid());
    return 0;
}
`;

it('OCI images boot as they say: user, directory, variables and entrypoint, with a shell and without', async () => {
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  const cwd = directoryWith(`
name: oci
images:
  app: { oci: "${registry.push(app, '1')}" }
  static: { oci: "${registry.push(makeStatic(HELLO), 'static')}" }
sandboxes:
  app:
    image: app
    env: { OVERRIDDEN: "yes" }
    steps:
      - name: facts
        run: 'echo "$(id -un):$(id -gn) $(pwd) $FROM_IMAGE $OVERRIDDEN $PATH"; echo "trust $SSL_CERT_FILE"; ls; stat -c "%h" kept'
      - { name: root, run: 'cat /etc/hostname', success_exit_codes: [0, 1] }
    run: []
  static:
    image: static
    depends_on: { app: { condition: started } }
    volumes: ["./shared:/work"]
    steps:
      - { name: hello, run: [/hello] }
`);
  mkdirSync(join(cwd, 'shared'));
  const pulled = await runBuiltCli(['pull', 'app'], { cwd });
  expect(pulled.stdout, pulled.all).toMatch(/\/app:1: ready, /);
  const blobs = registry.requests.length;
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
  expect(stdout).toContain('[static hello] hello from 65532:65532');
  expect(readFileSync(join(cwd, 'shared/written'), 'utf8')).toBe('by 65532');
  // `run` asked for the other image only.
  expect(registry.requests.slice(blobs).filter((line) => line.includes('manifests/1'))).toEqual([]);
});
