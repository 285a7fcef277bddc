import { execFileSync, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImageParts } from '../../src/image/ensure-image.ts';
import { BUILT_BIN, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { serverCa } from '../fixtures/net/server-ca.ts';
import { type DebianRegistry, startDebianRegistry } from '../fixtures/oci/debian-registry.ts';
import { busyboxTree, pushRootfs } from '../fixtures/oci/rootfs-image.ts';
import { listTree, unpackWithUmoci } from '../fixtures/oci/ten-images.ts';
import { processesIn } from '../fixtures/processes-in.ts';
import { hostRelease } from '../fixtures/workload-image.ts';
import { testEnvironment } from '../test-environment.ts';

// The makers of base images keep owners, which takes root.
const isRoot = process.getuid?.() === 0;
/** Moments of a build at which it is killed. */
const KILLS = IS_FULL_LOAD ? 20 : 4;
const SECRET = 'value-of-the-token-4711';
const { cache: cacheDirectory } = resolveDirectories(testEnvironment);

let bases: string;
let registry: DebianRegistry;
let busybox: string;
beforeAll(async () => {
  if (!isRoot) return;
  bases = mkdtempSync(join(tmpdir(), 'gondolin-test-'));
  registry = await startDebianRegistry(bases);
  const own = { directory: join(bases, 'b'), reference: `${registry.host}/busybox:1` };
  busybox = pushRootfs({ tree: busyboxTree(bases) }, own);
  return async () => {
    await registry.close();
    rmSync(bases, { recursive: true, force: true });
  };
});

/** A Debian with Node and Python, from this machine's packages. */
async function pushDebian(): Promise<string> {
  const packages = ['nodejs', 'python3-minimal'];
  const parts = await ensureImageParts(
    { kind: 'debian', arch: 'x86_64', release: hostRelease(), packages, mirror: null },
    { cacheDirectory, agentPath: guestAgentPath() },
  );
  onTestFinished(() => parts.release());
  const options = { directory: join(bases, 'd'), reference: `${registry.host}/debian:1` };
  return pushRootfs({ squashfs: parts.rootfsPath ?? '' }, options);
}

function project(files: Readonly<Record<string, string>>): string {
  const cwd = directoryWith();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  return cwd;
}

/** A server that gives its package only for the secret. */
async function startPackages(): Promise<number> {
  const server = https.createServer(serverCa.issue('api.clients.test'), (request, response) => {
    const isRight = request.headers['authorization'] === `Bearer ${SECRET}`;
    response.writeHead(isRight ? 200 : 403).end(isRight ? 'package 1.0' : 'who are you');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const FETCH = `const { readFileSync, writeFileSync } = require('node:fs');
const token = readFileSync('/run/secrets/TOKEN', 'utf8');
fetch('https://api.clients.test/', { headers: { authorization: 'Bearer ' + token } })
  .then((response) => response.text())
  .then((text) => writeFileSync('/build/dep.js', 'module.exports = ' + JSON.stringify(text)));
`;

const dockerfile = (debian: string) => `# syntax=docker/dockerfile:1
ARG BASE=${debian}
ARG DIRECTORY=/data
FROM \${BASE} AS base
ENV FROM_BASE=1

FROM base AS node-build
WORKDIR /build
COPY src ./
RUN --mount=type=secret,id=TOKEN node fetch.js
RUN --mount=type=cache,target=/cache date >> /cache/log && wc -l < /cache/log > lines
RUN <<DONE
set -e
echo one two > words
test ! -e x.log
DONE

FROM base AS node
COPY --from=node-build --chown=1000:1000 --chmod=640 /build/main.js /build/dep.js /build/words /srv/
USER 1000
WORKDIR /srv
CMD ["node", "main.js"]

FROM base AS python
ARG DIRECTORY
COPY app /app
COPY <<-TEXT \${DIRECTORY}/heredoc
	from a heredoc
TEXT
RUN python3 -m compileall -q /app && env > /environment
ENTRYPOINT ["python3", "/app"]
`;

const nodeAndPython = (port: number) => `
name: dockerfiles
images:
  node: &image
    dockerfile: ./Dockerfile
    target: node
    secrets: [TOKEN@api.clients.test]
    network: { allowed_private: [127.0.0.1], extra_hosts: ["api.clients.test:127.0.0.1:${port}"] }
  python: { <<: *image, target: python }
sandboxes:
  node:
    image: node
    steps: [{ name: main, run: "node main.js; ls -ln /srv; id -u; cat /build/lines || echo no build" }]
  python:
    image: python
    depends_on: { node: { condition: completed } }
    steps: [{ name: main, run: "python3 /app; cat /environment; ls -a / /app" }]
`;

it.runIf(isRoot)(
  'Node and Python projects of several stages are built, with mounts, heredocs and secrets',
  async () => {
    const cwd = project({
      'ca.pem': serverCa.caPem,
      'src/main.js': "console.log('node', require('./dep.js'), process.version.slice(0, 1));\n",
      'src/fetch.js': FETCH,
      'src/x.log': 'log',
      'app/__main__.py': "print('python', open('/data/heredoc').read().strip())\n",
      '.env': 'NOT-IN-THE-IMAGE\n',
      '.dockerignore': '*\n!src\n!app\n**/*.log\n',
      Dockerfile: dockerfile(await pushDebian()),
      'gondolin.yaml': nodeAndPython(await startPackages()),
    });
    const env = { TOKEN: SECRET, NODE_EXTRA_CA_CERTS: join(cwd, 'ca.pem') };
    const first = await runBuiltCli(['run', '--progress', 'plain'], { cwd, env });
    expect(first.code, first.all).toBe(0);
    expect(first.stdout).toContain('[node main] node package 1.0 v');
    expect(first.stdout).toMatch(/\[node main\] -rw-r-----\s+1 1000\s+1000 .* dep\.js/);
    expect(first.stdout).toContain('[node main] 1000');
    expect(first.stdout).toContain('[node main] no build');
    expect(first.stdout).toContain('[python main] python from a heredoc');
    expect(first.stdout).toContain('[python main] FROM_BASE=1');
    expect(first.stdout).toContain('[python main] SSL_CERT_FILE=/dev/gondolin/ca.crt');
    expect(first.stdout).not.toContain('[python main] .env');
    expect(first.all).not.toContain(SECRET);
    // Nor has anything that is kept its value: layers, logs, the disk of the builder.
    for (const place of ['builders', 'images/rootfs', 'images/logs', 'images/references']) {
      const path = join(cacheDirectory, place);
      const { status } = spawnSync('grep', ['-rqF', SECRET, path], { stdio: 'ignore' });
      if (existsSync(path)) expect(status, place).toBe(1);
    }
  },
  900_000,
);

it.runIf(isRoot)('instructions that are the same as before are not run again', async () => {
  const cwd = project({
    'src/main': 'one',
    'app/text': 'first',
    Dockerfile: `FROM ${busybox} AS build
COPY src /src
RUN --mount=type=cache,target=/cache echo run >> /cache/log && wc -l < /cache/log > /lines
FROM ${busybox}
COPY --from=build /lines /lines
COPY app /app
RUN cat /app/text > /made
`,
    'gondolin.yaml': `
name: cached
images: { i: { dockerfile: ./Dockerfile } }
image: i
steps: [{ name: show, run: "cat /lines /made" }]
`,
  });
  const run = () => runBuiltCli(['run', '--progress', 'plain'], { cwd });
  const first = await run();
  expect(first.code, first.all).toBe(0);
  expect(first.stdout).toContain('first');
  writeFileSync(join(cwd, 'app/text'), 'second');
  const second = await run();
  expect(second.code, second.all).toBe(0);
  expect(second.stdout).toContain('second');
  expect(second.all).toMatch(/line 3: RUN --mount=type=cache[^\n]*\n[^\n]*Using cache/);
  const third = await run();
  expect(third.code, third.all).toBe(0);
  expect(third.all).not.toContain('starting a VM for the build');
});

/** All that two builders have to agree on. What is there while instructions run belongs to neither image. */
function describeTree(root: string) {
  const isOfRun = /^(?:etc\/(?:hosts|resolv\.conf|hostname)|run|dev|proc|sys)(?:\/|$)/;
  return listTree(root)
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter(({ name }) => !isOfRun.test(String(name)))
    .map(({ mtime: _mtime, links: _links, ...rest }) => rest);
}

it.runIf(isRoot)("the tree is that of this machine's own buildah", async () => {
  const cwd = project({
    'files/a': 'a',
    'files/deep/b': 'b',
    Dockerfile: `ARG TAG=1
FROM ${busybox.replace(/:1$/, '')}:\${TAG} AS one
WORKDIR /w
RUN echo made > made && chmod 4755 made && ln -s made link && ln made hard && mkdir -m 1777 dir
COPY files /files
ONBUILD RUN echo triggered > /triggered

FROM one AS two
RUN rm /files/a && echo more > /w/more
RUN --mount=type=bind,from=${busybox},target=/other ls /other > /w/mounted
FROM ${busybox}
COPY --from=two --chown=1000:1000 /files /files
COPY --from=two /w /triggered /w/
USER app
RUN id > /tmp/id
`,
    'gondolin.yaml': `
name: tree
images: { tree: { dockerfile: ./Dockerfile } }
sandboxes: { t: { image: tree, user: "0:0", steps: [{ name: s, run: [/bin/true] }] } }
`,
  });
  const { code, all } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(code, all).toBe(0);
  const rootfs = rootfsOf(join(cwd, 'Dockerfile'));
  const quiet: { cwd: string; stdio: StdioOptions } = { cwd, stdio: ['ignore', 'ignore', 'pipe'] };
  execFileSync('unsquashfs', ['-no-progress', '-d', join(cwd, 'ours'), rootfs], quiet);

  const policy = join(cwd, 'policy.json');
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const trusting = ['--signature-policy', policy];
  const store = ['--root', join(cwd, 'store'), '--runroot', join(cwd, 'run')];
  const buildah = (...args: string[]) =>
    execFileSync('buildah', [...store, '--storage-driver', 'vfs', ...args], quiet);
  const isolation = ['--isolation', 'chroot', '--network', 'host', '--format', 'docker'];
  buildah('build', ...trusting, '--tls-verify=false', ...isolation, '--tag', 'localhost/tree', '.');
  buildah('push', ...trusting, 'localhost/tree', `oci:${join(cwd, 'layout')}:latest`);
  const theirs = unpackWithUmoci(join(cwd, 'layout'), join(cwd, 'bundle'));
  const ours = describeTree(join(cwd, 'ours'));
  expect(ours.length).toBeGreaterThan(20);
  expect(ours).toEqual(describeTree(theirs));
});

/** The root file system that was made of a Dockerfile. */
function rootfsOf(title: string): string {
  const parent = join(cacheDirectory, 'images/rootfs');
  const found = readdirSync(parent).filter((key) => {
    const manifest = join(parent, key, 'manifest.json');
    return existsSync(manifest) && readFileSync(manifest, 'utf8').includes(`"title": "${title}"`);
  });
  expect(found).toHaveLength(1);
  return join(parent, found[0] ?? '', 'rootfs.squashfs');
}

it.runIf(isRoot)(
  'an instruction that fails, or is refused a host, is named by its line',
  async () => {
    const cwd = project({
      Dockerfile: `FROM ${busybox}
RUN echo first

# not a line of any instruction
RUN echo "before it fails" && \\
    nc refused.example.com 80 < /dev/null; \\
    exit 7
`,
      'gondolin.yaml':
        'images: { i: { dockerfile: ./Dockerfile } }\nimage: i\nsteps: [{ run: [/bin/true] }]\n',
    });
    const failed = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
    expect(failed.code).toBe(125);
    expect(failed.all).toContain('error[IMAGE_DOCKERFILE_FAILED]');
    expect(failed.all).toContain(`${join(cwd, 'Dockerfile')}:5: RUN echo "before it fails"`);
    expect(failed.all).toContain('ended with exit code 7');
    expect(failed.all).toContain('the build was refused refused.example.com');
    expect(failed.all).toContain('network: { allowed_hosts: ["refused.example.com');
  },
);

it.runIf(isRoot)(
  'a build that is interrupted or killed leaves nothing behind, and the next one is right',
  async () => {
    const cwd = project({
      Dockerfile: `FROM ${busybox}\nARG S\nRUN echo "ready" here; sleep $S\nCOPY note /note\n`,
      note: 'the note',
      'gondolin.yaml': `
args: { s: { default: "600" } }
images: { i: { dockerfile: ./Dockerfile, args: { S: "\${args.s}" } } }
image: i
steps: [{ name: note, run: [/bin/cat, /note] }]
`,
    });
    for (const [signal, exitCode] of [
      ['SIGINT', 130],
      ['SIGKILL', null],
    ] as const) {
      const env = { ...process.env, CI: '1', NO_COLOR: '1' };
      const args = [BUILT_BIN, 'run', '--progress', 'plain'];
      const stdio = ['ignore', 'pipe', 'ignore'] as const;
      const child = spawn(process.execPath, args, { cwd, env, stdio: [...stdio] });
      const closed = once(child, 'close');
      if (child.stdout === null) throw new Error('it has a pipe');
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.includes('ready here')) child.kill(signal);
      }
      expect((await closed)[0]).toBe(exitCode);
    }
    const again = await runBuiltCli(['run', '--progress', 'plain', '--arg', 's=0'], { cwd });
    expect(again.code, again.all).toBe(0);
    expect(again.stdout).toContain('the note');
    const left = readdirSync(join(cacheDirectory, 'images/rootfs'));
    expect(left.filter((name) => name.startsWith('tmp-'))).toEqual([]);
  },
);

/** Runs a project and kills gondolin at the line of its output with the number `killAt`. */
async function runKilledAt(cwd: string, killAt: number) {
  const env = { ...process.env, CI: '1', NO_COLOR: '1' };
  const args = [BUILT_BIN, 'run', '--progress', 'plain'];
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(child, 'close');
  let lines = 0;
  for await (const _line of createInterface({ input: child.stdout })) {
    lines += 1;
    if (lines === killAt) child.kill('SIGKILL');
  }
  return { lines, code: (await closed)[0] as number | null };
}

it.runIf(isRoot)(
  `after kills at ${KILLS} moments of a build, one after another, the next run is right`,
  async () => {
    const files = {
      Dockerfile: `FROM ${busybox} AS build
COPY notes /notes
RUN --mount=type=cache,target=/cache echo run >> /cache/log && cat /notes/* > /all
FROM ${busybox}
COPY --from=build /all /all
RUN echo last >> /all && sync
`,
      'notes/one': 'one\n',
      'notes/two': 'two\n',
      'gondolin.yaml':
        'images: { i: { dockerfile: ./Dockerfile } }\nimage: i\nsteps: [{ name: show, run: [/bin/cat, /all] }]\n',
    };
    const { lines, code } = await runKilledAt(project(files), Infinity);
    expect(code).toBe(0);
    const cwd = project(files);
    let killed = 0;
    for (let at = 0; at < KILLS; at += 1) {
      const ended = await runKilledAt(cwd, 1 + Math.floor((at * lines) / KILLS));
      killed += ended.code === null ? 1 : 0;
      await expect.poll(() => processesIn(cwd), { timeout: 10_000 }).toEqual([]);
    }
    // A build that finds instructions, or the whole image, done by an earlier one says fewer lines.
    expect(killed).toBeGreaterThanOrEqual(Math.floor(KILLS * 0.6));
    const again = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
    expect(again.code, again.all).toBe(0);
    for (const text of ['one', 'two', 'last']) expect(again.stdout).toContain(` show] ${text}\n`);
    const left = readdirSync(join(cacheDirectory, 'images/rootfs'));
    expect(left.filter((name) => name.startsWith('tmp-'))).toEqual([]);
  },
  KILLS * 120_000 + 300_000,
);
