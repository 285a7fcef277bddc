import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { ensureDockerfileRootfs } from '../../../../src/image/dockerfile/ensure-dockerfile-rootfs.ts';
import { peekDockerfileState } from '../../../../src/image/dockerfile/peek-dockerfile.ts';
import type {
  BuiltDockerfile,
  DockerfileWork,
  EnsureImageOptions,
  GuestImage,
  ImageEvent,
} from '../../../../src/image/guest-image.ts';
import type { DockerfileRecipe } from '../../../../src/image/recipe.ts';
import { FakeRegistry } from '../../../fixtures/oci/fake-registry.ts';
import { makeImage, sha256 } from '../../../fixtures/oci/made-image.ts';
import { listRootfs, pullOptions } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const TRUST = { SSL_CERT_FILE: '/dev/t/ca.crt' };
const LAYER = rawTar({ name: 'etc/base', content: 'base' });
const base = makeImage({
  layers: [LAYER],
  config: { Env: ['PATH=/bin', 'SSL_CERT_FILE=/own'], OnBuild: null },
});

let registry: FakeRegistry;
let directory: string;
let project: string;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  directory = temporaryDirectory();
  project = join(directory, 'project');
  mkdirSync(project);
});

/** The image of a store of containers-storage: its record and its configuration. */
function readStore({ storeDirectory }: DockerfileWork) {
  const json = (name: string) => JSON.parse(readFileSync(join(storeDirectory, name), 'utf8'));
  const [image] = json('overlay-images/images.json') as [{ id: string; layer: string }];
  const name = `=${Buffer.from(`sha256:${image.id}`).toString('base64')}`;
  const config = readFileSync(join(storeDirectory, 'overlay-images', image.id, name), 'utf8');
  return { image, config, layers: json('overlay-layers/layers.json') as { id: string }[] };
}

/** Puts one layer over the base, as a builder does that copies what it was given: `made` has the Dockerfile and the names it sees. */
function buildLike(
  work: DockerfileWork,
  change: (config: object) => object = (c) => c,
): BuiltDockerfile {
  const config = JSON.parse(readStore(work).config) as {
    config: { Env: string[] };
    rootfs: { diff_ids: string[] };
  };
  const [below = ''] = config.rootfs.diff_ids;
  const content = [work.text, ...work.contextPaths].join('\n');
  const layer = rawTar({ name: 'made', content });
  const built = change({
    ...config,
    config: {
      ...config.config,
      WorkingDir: '/srv/app',
      Cmd: ['/made'],
      Env: [...config.config.Env, 'A=1'],
    },
    rootfs: { type: 'layers', diff_ids: [below, sha256(layer)] },
  });
  const bytes = Buffer.from(JSON.stringify(built));
  const path = join(work.directory, 'layer');
  writeFileSync(path, layer);
  const tar = 'application/vnd.docker.image.rootfs.diff.tar';
  const document = {
    ...{ schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' },
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      ...{ digest: sha256(bytes), size: bytes.length },
    },
    layers: [
      { mediaType: tar, digest: below, size: 1 },
      { mediaType: tar, digest: sha256(layer), size: layer.length },
    ],
  };
  return {
    manifest: Buffer.from(JSON.stringify(document)),
    config: bytes,
    layerPaths: new Map([[sha256(layer), path]]),
  };
}

type Build = (work: DockerfileWork) => Promise<BuiltDockerfile | null>;

function prepare(build: Build = async (work) => buildLike(work)) {
  const works: DockerfileWork[] = [];
  const events: ImageEvent[] = [];
  const dockerfileBuilder: EnsureImageOptions['dockerfileBuilder'] = {
    variables: TRUST,
    build: async (_image, work) => {
      works.push(work);
      return build(work);
    },
  };
  const options = { ...pullOptions(directory), dockerfileBuilder };
  const recipe: DockerfileRecipe = {
    ...{ kind: 'dockerfile', path: join(project, 'Dockerfile'), context: project },
    ...{
      args: {},
      target: null,
      arch: 'x86_64',
      release: 'bookworm',
      pull: 'missing',
      secrets: [],
    },
    network: { allowedHosts: [], allowedPrivate: [], extraHosts: [] },
  };
  const ensure = async (
    more: Partial<DockerfileRecipe> = {},
    own: Partial<EnsureImageOptions> = {},
  ) => {
    const context = {
      options: { ...options, ...own },
      onEvent: (event: ImageEvent) => void events.push(event),
      signal: new AbortController().signal,
    };
    // The builder itself boots in test/vm/dockerfile.test.ts.
    const image = { release: async () => undefined } as GuestImage;
    const { entry, container } = await ensureDockerfileRootfs(
      { ...recipe, ...more },
      context,
      async () => image,
    );
    entry.lock.release();
    return {
      container,
      path: join(entry.place.directory, 'rootfs.squashfs'),
      key: entry.place.key,
    };
  };
  return { works, events, recipe, options, ensure };
}

const write = (files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(project, name, '..'), { recursive: true });
    writeFileSync(join(project, name), text);
  }
};
const names = (path: string) => listRootfs(path).map((line) => line.split(' ').at(-1));
const failure = (run: Promise<unknown>) =>
  run.then(
    () => null,
    (error: unknown) => error as { code: string; message: string; details: object },
  );

it('a Dockerfile is built once, from images that this machine pulls', async () => {
  const reference = registry.push(base, '1');
  write({
    Dockerfile: `ARG B=${reference}\nFROM $B AS x\nFROM x\nCOPY . .\n`,
    'src/a': 'a',
    '.env': 'E',
  });
  write({ '.dockerignore': '.env\n' });
  let id = '';
  const { works, ensure, recipe, options } = prepare(async (work) => {
    id = readStore(work).image.id;
    return buildLike(work);
  });
  expect(await peekDockerfileState(recipe, options)).toBeNull();
  const { path, container, key } = await ensure();
  expect(names(path)).toEqual(['', '/etc', '/etc/base', '/made', '/srv', '/srv/app']);
  // The builder's trust is not in the image, and what it hid is there again.
  expect(container).toMatchObject({
    ...{ env: { PATH: '/bin', SSL_CERT_FILE: '/own', A: '1' }, cmd: ['/made'] },
    workingDir: '/srv/app',
  });
  const [work] = works;
  expect(work?.text).toBe(
    `ARG B=${reference}\nFROM localhost/gondolin/${id} AS x\nFROM x\nCOPY . .\n`,
  );
  expect([...(work?.contextPaths ?? [])]).toEqual(['.dockerignore', 'Dockerfile', 'src', 'src/a']);
  expect(work).toMatchObject({ usesCache: true });
  const asked = registry.requests.length;
  expect((await ensure()).key).toBe(key);
  expect(await peekDockerfileState(recipe, options)).toMatchObject({ key, container });
  expect([works.length, registry.requests.length]).toEqual([1, asked]);
});

it('the base is handed over as a store of images whose tree is a squashfs, its configuration with the trust', async () => {
  write({ Dockerfile: `FROM ${registry.push(base, '1')}\n` });
  const { ensure } = prepare(async (work) => {
    const { image, config, layers } = readStore(work);
    expect(createHash('sha256').update(config).digest('hex')).toBe(image.id);
    expect(JSON.parse(config).config.Env).toEqual(['PATH=/bin', 'SSL_CERT_FILE=/dev/t/ca.crt']);
    expect(layers).toMatchObject([{ id: image.layer, 'diff-digest': sha256(LAYER) }]);
    const [tree, ...others] = work.trees;
    expect([tree?.place, others]).toEqual([`overlay/${image.layer}/diff`, []]);
    expect(names(tree?.imagePath ?? '')).toEqual(['', '/etc', '/etc/base']);
    return buildLike(work);
  });
  await ensure();
});

it('a builder still finds the layers of the images that an earlier build was on', async () => {
  const reference = registry.push(base, '1');
  write({ Dockerfile: `FROM ${reference}\n` });
  const known: number[] = [];
  const { ensure } = prepare(async (work) => {
    writeFileSync(work.diskPath, 'disk');
    known.push(readStore(work).layers.length);
    return buildLike(work);
  });
  await ensure();
  registry.push(makeImage({ layers: [rawTar({ name: 'new', content: 'n' })] }), '1');
  await ensure({ pull: 'always' });
  await ensure({ args: { N: '1' } });
  expect(known).toEqual([1, 2, 2]);
});

it('a Dockerfile is built again when something changes that it depends on, and only then', async () => {
  const reference = registry.push(base, '1');
  write({ Dockerfile: `FROM ${reference}\nCOPY . .\n`, 'a.js': '1', 'x.log': '1' });
  write({ '.dockerignore': '*.log\n' });
  const { works, ensure } = prepare();
  const builds = async (...change: Parameters<typeof ensure>) => {
    await ensure(...change);
    return works.length;
  };
  const network = { allowedHosts: ['a.test'], allowedPrivate: [], extraHosts: [] };
  expect(await builds()).toBe(1);
  write({ 'x.log': '2' });
  expect(await builds()).toBe(1);
  write({ 'a.js': '2' });
  expect(await builds()).toBe(2);
  symlinkSync('a.js', join(project, 'link'));
  expect(await builds()).toBe(3);
  expect(await builds({ args: { A: '1' } })).toBe(4);
  expect(await builds({ network })).toBe(5);
  expect(await builds({ args: { A: '1' } })).toBe(5);
  write({ Dockerfile: `FROM ${reference}\n# other\nCOPY . .\n` });
  expect(await builds()).toBe(6);
  expect(await builds({}, { rebuildBeforeMs: Date.now() + 1000 }).catch(() => works.length)).toBe(
    7,
  );
  expect(works.at(-1)?.usesCache).toBe(false);
});

it('a tag that moved is seen when registries are asked', async () => {
  const reference = registry.push(base, '1');
  write({ Dockerfile: `FROM ${reference}\n` });
  const { works, ensure } = prepare();
  const { key } = await ensure();
  registry.push(makeImage({ layers: [rawTar({ name: 'new', content: 'n' })] }), '1');
  expect((await ensure()).key).toBe(key);
  const moved = await ensure({ pull: 'always' });
  expect(moved.key).not.toBe(key);
  expect(names(moved.path)).toContain('/new');
  expect(works).toHaveLength(2);
});

it('a context that changes during the build is built again', async () => {
  write({ Dockerfile: `FROM ${registry.push(base, '1')}\nCOPY . .\n`, a: '1' });
  let count = 0;
  const { works, ensure } = prepare(async (work) => {
    count += 1;
    if (count === 1) write({ a: '2' });
    return buildLike(work);
  });
  await ensure();
  expect(works).toHaveLength(2);
  const restless = prepare(async (work) => {
    count += 1;
    write({ a: String(count) });
    return buildLike(work);
  });
  expect(await failure(restless.ensure({ target: '0' }))).toMatchObject({
    code: 'IMAGE_DOCKERFILE_FAILED',
  });
  expect(restless.works).toHaveLength(3);
});

it('a build that fails has its line, keeps nothing but its disk, and the next one begins anew', async () => {
  write({ Dockerfile: `FROM ${registry.push(base, '1')}\nRUN false\n` });
  const disk = () => works[0]?.diskPath ?? '';
  const { works, ensure, events } = prepare(async (work) => {
    if (!existsSync(work.diskPath)) writeFileSync(work.diskPath, 'disk');
    work.onLine(`STEP 2/2: RUN false`);
    work.onLine('Error: building at STEP "RUN false": while running runtime: exit status 1');
    return null;
  });
  const error = await failure(ensure());
  expect(error).toMatchObject({
    code: 'IMAGE_DOCKERFILE_FAILED',
    details: { line: 2, exitCode: 1 },
  });
  expect(readFileSync(disk(), 'utf8')).toBe('disk');
  // The tree of the base image.
  expect(readdirSync(join(directory, 'cache/images/rootfs'))).toHaveLength(1);
  expect(events.map(({ message }) => message)).toContain('line 2: RUN false');
});

it('the disk of a build that was killed is emptied, and that of one that ended is kept', async () => {
  write({ Dockerfile: `FROM ${registry.push(base, '1')}\n` });
  const found: boolean[] = [];
  let isKilled = false;
  const { ensure } = prepare(async (work) => {
    found.push(existsSync(work.diskPath));
    writeFileSync(work.diskPath, 'disk');
    if (isKilled) throw new Error('as if killed');
    return buildLike(work);
  });
  await ensure({ args: { N: '1' } });
  await ensure({ args: { N: '2' } });
  isKilled = true;
  await expect(ensure({ args: { N: '3' } })).rejects.toThrow('as if killed');
  isKilled = false;
  await ensure({ args: { N: '4' } });
  expect(found).toEqual([false, true, true, false]);
});

it('what a hostile builder gives is refused, and nothing of it is kept', async () => {
  write({ Dockerfile: `FROM ${registry.push(base, '1')}\n` });
  const hostile: Build[] = [
    async (work) => ({ ...buildLike(work), config: Buffer.from('{}') }),
    async (work) => ({ ...buildLike(work), manifest: Buffer.from('[]') }),
    async (work) => ({ ...buildLike(work), layerPaths: new Map() }),
    async (work) => buildLike(work, (config) => ({ ...config, architecture: 'arm64' })),
    async (work) =>
      buildLike(work, (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [] } })),
    async (work) => {
      const built = buildLike(work);
      for (const path of built.layerPaths.values())
        writeFileSync(path, rawTar({ name: 'x', content: 'x' }));
      return built;
    },
  ];
  for (const [index, build] of hostile.entries()) {
    const error = await failure(prepare(build).ensure());
    expect(error?.code, String(index)).toMatch(
      /^IMAGE_(?:MANIFEST_INVALID|DIGEST_MISMATCH|PLATFORM_MISSING|LAYER_INVALID)$/,
    );
  }
  // The tree of the base image.
  expect(readdirSync(join(directory, 'cache/images/rootfs'))).toHaveLength(1);
});

it('mistakes in the Dockerfile, its images and its context are errors with their place, before anything is built', async () => {
  const { ensure, works } = prepare();
  const codeOf = async (more: Partial<DockerfileRecipe> = {}) => {
    const error = await failure(ensure(more));
    return [error?.code, error?.message.replaceAll(project, '/p')];
  };
  expect(await codeOf()).toEqual([
    'IMAGE_DOCKERFILE_INVALID',
    '/p/Dockerfile: there is no such file',
  ]);
  mkdirSync(join(project, 'Dockerfile'));
  expect(await codeOf()).toEqual(['IMAGE_DOCKERFILE_INVALID', '/p/Dockerfile: it is not a file']);
  rmSync(join(project, 'Dockerfile'), { recursive: true });
  write({ Dockerfile: 'FROM debian:12\n' });
  expect(await codeOf()).toEqual([
    'IMAGE_REGISTRY_UNSET',
    expect.stringContaining('/p/Dockerfile:1: '),
  ]);
  write({ Dockerfile: 'ARG X\nFROM oci-layout:/etc\n' });
  expect(await codeOf()).toEqual([
    'IMAGE_DOCKERFILE_INVALID',
    '/p/Dockerfile:2: "oci-layout:/etc" is not an image of a registry',
  ]);
  write({ Dockerfile: `FROM ${registry.push(base, '1')}\nCOPY . .\n` });
  expect(await codeOf({ context: join(project, 'none') })).toEqual([
    'IMAGE_DOCKERFILE_INVALID',
    expect.stringContaining('the context cannot be read at /p/none'),
  ]);
  const images = Array.from({ length: 16 }, (_, n) =>
    registry.push(makeImage({ layers: [LAYER], config: { Cmd: [String(n)] } }), `n${n}`),
  );
  write({
    Dockerfile: ['FROM scratch', ...images.map((image) => `COPY --from=${image} /etc /`)].join(
      '\n',
    ),
  });
  expect(await codeOf()).toEqual([
    'IMAGE_DOCKERFILE_INVALID',
    '/p/Dockerfile: it uses 16 images, at most 15 can be',
  ]);
  expect(works).toEqual([]);
});

it('a base with ONBUILD instructions reads the context', async () => {
  const onBuild = makeImage({
    layers: [rawTar({ name: 'etc/base', content: 'base' })],
    config: { OnBuild: ['COPY . .'] },
  });
  write({ Dockerfile: `FROM ${registry.push(onBuild, '1')}\n`, a: '1' });
  const { works, ensure } = prepare();
  await ensure();
  expect([...(works[0]?.contextPaths ?? [])]).toEqual(['Dockerfile', 'a']);
  write({ a: '2' });
  await ensure();
  expect(works).toHaveLength(2);
});
