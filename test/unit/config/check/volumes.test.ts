import { describe, expect, it } from 'vitest';
import { resolveGuestPath } from '../../../../src/config/check/guest-path.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

/** Volumes of a project, without the workspace that is added where none covers it. */
const volumesOf = (list: string) =>
  readText(`volumes: ${list}\n`).sandboxes[0]?.volumes.filter(
    ({ guestPath }) => guestPath !== '/workspace',
  );

describe('volumes', () => {
  it.each([
    ['["./src:src"]', { hostPath: '/p/src', guestPath: '/workspace/src', isReadonly: false }],
    ['["./src:src:ro"]', { isReadonly: true }],
    ['["./src:src:readonly"]', { isReadonly: true }],
    ['["src:a/../b/"]', { guestPath: '/workspace/b' }],
    ['["./src:/data"]', { guestPath: '/data' }],
    ['["./src:/workspace2"]', { guestPath: '/workspace2' }],
    ['["/p/src:x"]', { hostPath: '/p/src' }],
    ['["./a.txt:a.txt"]', { hostPath: '/p/a.txt' }],
    ['["./src:/usr/local/src"]', { guestPath: '/usr/local/src' }],
    ['["./a.txt:/etc/app.conf"]', { guestPath: '/etc/app.conf' }],
    ['[{ type: bind, source: ./src, target: x }]', { hostPath: '/p/src', isReadonly: false }],
    ['[{ type: bind, source: ./src, target: x, read_only: true }]', { isReadonly: true }],
    ['[{ type: memory, target: x }]', { kind: 'memory', sizeBytes: 256 * 2 ** 20 }],
    ['[{ type: memory, target: /x, size: 1MiB }]', { guestPath: '/x', sizeBytes: 2 ** 20 }],
  ])('%s is read', (list, want) => {
    expect(volumesOf(list)).toEqual([expect.objectContaining(want)]);
  });

  it.each([
    ['["./src"]', 'bad_value'],
    ['[":x"]', 'bad_value'],
    ['["./src:x:rw"]', 'bad_value'],
    ['["./no:x"]', 'path_missing'],
    ['["./src:../x"]', 'guest_path'],
    ['["./src:a/../../x"]', 'guest_path'],
    ['["./src:../workspace2"]', 'guest_path'],
    ['["./src:/"]', 'guest_path'],
    ['["./src:/proc"]', 'guest_path'],
    ['["./src:/sys/x"]', 'guest_path'],
    ['["./src:/x/../dev"]', 'guest_path'],
    ['["./src:/run/gondolin"]', 'guest_path'],
    ['["./src:/usr"]', 'guest_path'],
    ['["./src:/usr/lib/"]', 'guest_path'],
    ['["./src:/etc"]', 'guest_path'],
    ['["./src:/lib64"]', 'guest_path'],
    ['[{ type: memory, target: /bin }]', 'guest_path'],
    ['[{ type: memory }]', 'missing_key'],
    ['[{ type: bind, target: x }]', 'missing_key'],
    ['[{ type: memory, target: x, source: ./src }]', 'bad_value'],
    ['[{ type: memory, target: x, read_only: true }]', 'bad_value'],
    ['[{ type: bind, source: ./src, target: x, size: 1GiB }]', 'bad_value'],
    ['[{ type: memory, target: x, size: big }]', 'bad_value'],
    ['[{ type: tmpfs, source: ./src, target: x }]', 'bad_value'],
    ['[{ type: overlay, target: x }]', 'missing_key'],
    ['[{ type: overlay, source: ./src, target: x, read_only: true }]', 'bad_value'],
    ['["./a.txt:x:overlay"]', 'path_kind'],
    ['["./src:x", "./a.txt:./x"]', 'mount_conflict'],
    ['["./src:/workspace/x", { type: memory, target: x }]', 'mount_conflict'],
  ])('%s is %s', (list, code) => {
    expect(errorOf(`volumes: ${list}\n`).map((issue) => issue.code)).toEqual([code]);
  });

  it('an unknown option has the text of the Go API', () => {
    expect(errorOf('volumes: ["./src:x:rw"]\n')[0]?.message).toContain(
      `unknown option "rw" (use 'ro' for readonly)`,
    );
  });

  it.each([
    [
      '{ cache: { size: 1GiB } }',
      '["cache:/c"]',
      { name: 'cache', sizeBytes: 2 ** 30, isReadonly: false },
    ],
    [
      '{ cache: }',
      '["cache:c:ro"]',
      { guestPath: '/workspace/c', sizeBytes: 2 ** 32, isReadonly: true },
    ],
    ['{ src: {} }', '["src:/c"]', { kind: 'disk', name: 'src' }],
    ['{ src: {} }', '["./src:/c"]', { kind: 'host', hostPath: '/p/src' }],
    ['{ a: { size: 2GiB } }', '[{ type: volume, source: a, target: /c }]', { sizeBytes: 2 ** 31 }],
    [
      '{}',
      '[{ type: volume, source: b, target: /c, size: 64MiB, read_only: true }]',
      { kind: 'disk', name: 'b', sizeBytes: 2 ** 26, isReadonly: true },
    ],
  ])('with the named volumes %s, %s is read', (named, list, want) => {
    const text = `volumes: ${named}\nsandboxes: { a: { volumes: ${list} } }\n`;
    expect(readText(text).sandboxes[0]?.volumes).toContainEqual(expect.objectContaining(want));
  });

  it('an overlay is a host directory whose changes have a size', () => {
    const host = { kind: 'host', hostPath: '/p/src', isReadonly: false };
    expect(
      volumesOf('["./src:/a:overlay", { type: overlay, source: ./src, target: /b, size: 1GiB }]'),
    ).toEqual(
      expect.arrayContaining([
        { ...host, guestPath: '/a', overlay: { sizeBytes: 256 * 2 ** 20 } },
        { ...host, guestPath: '/b', overlay: { sizeBytes: 2 ** 30 } },
      ]),
    );
  });

  it('a volume of the flat form needs no name beside it', () => {
    expect(volumesOf('[{ type: volume, source: b, target: /c }]')).toEqual([
      { kind: 'disk', name: 'b', guestPath: '/c', sizeBytes: 2 ** 32, isReadonly: false },
    ]);
  });

  it.each([
    ['volumes: { a: {} }\n', 'wrong_type'],
    ['volumes: ["./src:x"]\nsandboxes: { a: {} }\n', 'wrong_type'],
    ['volumes: { a: { size: 1MiB } }\nsandboxes: { a: {} }\n', 'bad_value'],
    ['volumes: { A: {} }\nsandboxes: { a: {} }\n', 'bad_value'],
    ['volumes: { a: { driver: local } }\nsandboxes: { a: {} }\n', 'unknown_key'],
    ['volumes: [{ type: volume, source: ./a, target: x }]\n', 'bad_value'],
    ['volumes: [{ type: volume, target: x }]\n', 'missing_key'],
    ['volumes: { a: {} }\nsandboxes: { b: { volumes: ["a:/x:overlay"] } }\n', 'bad_value'],
    ['volumes: { a: {} }\nsandboxes: { a: { volumes: ["a:/x", "./src:/x"] } }\n', 'mount_conflict'],
  ])('%j is %s', (text, code) => {
    expect(errorOf(text).map((issue) => issue.code)).toEqual([code]);
  });

  it('a name that is neither a path nor a volume gets the way to write a volume', () => {
    expect(errorOf('volumes: ["cache:/c"]\n')[0]?.hint).toContain('type: volume');
  });

  it('a tree that is copied to the workspace goes into its memory', () => {
    const text = 'volumes: [{ type: copy, source: ./src, target: ., gitignore: true }]\n';
    expect(readText(text).sandboxes[0]?.volumes).toEqual([
      { kind: 'memory', guestPath: '/workspace', sizeBytes: 256 * 2 ** 20 },
      { kind: 'copy', hostPath: '/p/src', guestPath: '/workspace', usesGitignore: true },
    ]);
    for (const more of ['size: 1GiB', 'read_only: true']) {
      const wrong = `volumes: [{ type: copy, source: ./src, target: ., ${more} }]\n`;
      expect(errorOf(wrong).map(({ code }) => code)).toEqual(['bad_value']);
    }
  });

  it('a host directory, and an overlay of one, can have extended attributes', () => {
    const text = 'volumes: [{ type: overlay, source: ./src, target: ., xattrs: true }]\n';
    expect(readText(text).sandboxes[0]?.volumes).toEqual([
      expect.objectContaining({ hostPath: '/p/src', xattrs: true }),
    ]);
    for (const type of ['copy', 'volume']) {
      const wrong = `volumes: [{ type: ${type}, source: ./src, target: ., xattrs: true }]\n`;
      expect(errorOf(wrong).map(({ code }) => code)).toContain('bad_value');
    }
  });

  it('the workspace is memory unless a volume covers it', () => {
    const own = readText('volumes: ["./src:."]\n').sandboxes[0]?.volumes;
    expect(own).toEqual([expect.objectContaining({ hostPath: '/p/src', guestPath: '/workspace' })]);
    const added = readText('workspace: /work\nresources: { memory: 1GiB }\n').sandboxes[0]?.volumes;
    expect(added).toEqual([{ kind: 'memory', guestPath: '/work', sizeBytes: 512 * 2 ** 20 }]);
  });

  it('several mistakes come together, each at its place', () => {
    const text = 'volumes:\n  - ./no:x\n  - ./src:../y\n  - ./src:z\n  - ./a.txt:z\n';
    expect(issuesOfText(text)).toEqual([
      '2:5 path_missing',
      '3:5 guest_path',
      '5:5 mount_conflict',
    ]);
  });
});

describe('a volume inside another', () => {
  const files = { '/p/src/lib/x.js': '', '/p/src/deep': null };
  const conflictOf = (list: string) =>
    errorOf(`volumes: ${list}\n`, { files }).map(({ code, message, hint }) => {
      return [code, `${message} | ${hint}`] as const;
    });

  it.each([
    ['["./src:/a:ro", "./src:/a/lib"]'],
    ['["./src:/a:ro", "./a.txt:/a/lib/x.js"]'],
    ['["./src:/a:ro", { type: memory, target: /a/deep }]'],
    ['["./src:/a", "./src:/a/new/one"]'],
    ['["./src:/a:ro", { type: memory, target: /a/deep }, "./src:/a/deep/new"]'],
    ['[{ type: memory, target: /a }, "./a.txt:/a/new"]'],
  ])('%s is fine: its mount point is there, or can be made', (list) => {
    expect(conflictOf(list)).toEqual([]);
  });

  it.each([
    ['["./a.txt:/a", "./src:/a/b"]', /"\/a\/b" is below "\/a", which is a file/],
    [
      '["./src:/a:ro", "./src:/a/new"]',
      /read-only volume at "\/a" has no directory \/p\/src\/new \| Create that directory/,
    ],
    [
      '[{ type: memory, target: /a/new }, "./src:/a:ro"]',
      /"\/a\/new" cannot be created: the read-only volume/,
    ],
    [
      '["./src:/a:ro", "./a.txt:/a/new"]',
      /has no file \/p\/src\/new \| Create that file on the host/,
    ],
    [
      '["./src:/a", "./a.txt:/a/lib"]',
      /needs a file as its mount point, but \/p\/src\/lib is a dir/,
    ],
    ['["./src:/a", "./src:/a/lib/x.js/y"]', /a directory .* but \/p\/src\/lib\/x.js is a file/],
  ])('%s is a conflict before anything starts', (list, want) => {
    const found = conflictOf(list);
    expect(found.map(([code]) => code)).toEqual(['mount_conflict']);
    expect(found[0]?.[1]).toMatch(want);
  });

  it('is reported at the inner volume', () => {
    const text = 'volumes:\n  - ./src:/a/new\n  - ./src:/a:ro\n';
    expect(issuesOfText(text)).toEqual(['2:5 mount_conflict']);
  });
});

it.each([
  ['src', '/workspace', '/workspace/src'],
  ['', '/workspace', '/workspace'],
  ['.', '/workspace', '/workspace'],
  ['..', '/workspace', null],
  ['../workspace', '/workspace', '/workspace'],
  ['../workspace2', '/workspace', null],
  ['/a//b/./c/..', '/workspace', '/a/b'],
  ['/..', '/workspace', '/'],
])('resolveGuestPath(%j, %j) is %j', (path, workspace, want) => {
  expect(resolveGuestPath(path, workspace)).toBe(want);
});
