import { describe, expect, it } from 'vitest';
import { encodeTarHeader, TAR_END } from '../../../../src/util/tar/encode-tar-header.ts';
import { readTar } from '../../../../src/util/tar/read-tar.ts';
import {
  type TarHeader,
  tarChecksum,
  tarPaddingBytes,
} from '../../../../src/util/tar/tar-entry.ts';
import { TarError } from '../../../../src/util/tar/tar-error.ts';

type Written = Parameters<typeof encodeTarHeader>[0];

function entry(facts: Partial<Written> & { content?: string } = {}): Buffer {
  const content = Buffer.from(facts.content ?? '');
  const header: Written = {
    name: Buffer.from('a'),
    kind: 'file',
    mode: 0o644,
    mtimeSeconds: 1_234_567_890,
    size: content.length,
    linkName: Buffer.alloc(0),
    ...facts,
  };
  return Buffer.concat([
    encodeTarHeader(header),
    content,
    Buffer.alloc(tarPaddingBytes(content.length)),
  ]);
}

/** Changes bytes of the last header block and makes its checksum right again. */
function patched(block: Buffer, offset: number, bytes: Buffer | string): Buffer {
  const result = Buffer.from(block);
  Buffer.from(bytes).copy(result, offset);
  result.write(`${tarChecksum(result).toString(8).padStart(6, '0')}\0 `, 148);
  return result;
}

type Read = Omit<TarHeader, 'name' | 'linkName'> & {
  name: string;
  linkName: string;
  content: string;
};

async function read(archive: Buffer, chunkBytes = 100): Promise<Read[]> {
  const chunks = Array.from({ length: Math.ceil(archive.length / chunkBytes) }, (_, i) =>
    archive.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const entries: Read[] = [];
  for await (const { name, linkName, content, ...facts } of readTar(chunks)) {
    const parts: Buffer[] = [];
    for await (const part of content) parts.push(Buffer.from(part));
    const text = Buffer.concat(parts).toString();
    const [own, link] = [name.toString('latin1'), linkName.toString('latin1')];
    entries.push({ ...facts, name: own, linkName: link, content: text });
  }
  return entries;
}

const problem = (archive: Buffer) =>
  read(archive).then(
    () => 'read',
    (error: Error) => {
      if (!(error instanceof TarError)) throw error;
      return error.message;
    },
  );

describe('readTar()', () => {
  it.each([
    ['a file', { content: 'hello' }],
    ['an empty file', {}],
    ['a name of 100 bytes', { name: Buffer.from('n'.repeat(100)) }],
    ['a name of 3,000 bytes', { name: Buffer.from('d/'.repeat(1_500)) }],
    ['a name that is not UTF-8', { name: Buffer.of(0xff, 0x2f, 0xfe) }],
    ['a long name that is not UTF-8', { name: Buffer.alloc(200, 0xff) }],
    ['a directory', { kind: 'directory', name: Buffer.from('d/') }],
    ['a symbolic link', { kind: 'symlink', linkName: Buffer.from('/etc/passwd') }],
    ['a long hard link', { kind: 'hard-link', linkName: Buffer.from('x/'.repeat(90)) }],
    ['a time before 1970', { mtimeSeconds: -5 }],
    ['set-user-ID', { mode: 0o4755 }],
  ] as const)('reads what encodeTarHeader() wrote: %s', async (_, facts) => {
    const archive = Buffer.concat([entry(facts), entry({ content: 'next' }), TAR_END]);
    const [first, second, ...rest] = await read(archive);
    const { name, linkName, ...others } = { name: Buffer.from('a'), linkName: null, ...facts };
    expect(first).toMatchObject({
      ...others,
      name: name.toString('latin1'),
      linkName: linkName?.toString('latin1') ?? '',
    });
    expect(second?.content).toBe('next');
    expect(rest).toEqual([]);
  });

  it('encodes sizes above 8 GiB', async () => {
    const header = entry({ size: 2 ** 40 });
    const sizes: number[] = [];
    const archive = async function* () {
      yield header;
      await Promise.resolve();
    };
    const reading = (async () => {
      for await (const { size } of readTar(archive())) {
        sizes.push(size);
        break;
      }
    })();
    await reading;
    expect(sizes).toEqual([2 ** 40]);
  });

  it('skips content that is not read, and reads what follows the end', async () => {
    const archive = Buffer.concat([entry({ content: 'x'.repeat(2_000) }), entry({}), TAR_END]);
    let isDrained = false;
    const source = function* () {
      yield archive;
      yield Buffer.alloc(10_240);
      isDrained = true;
    };
    const names: string[] = [];
    for await (const { name } of readTar(source())) names.push(name.toString());
    expect(names).toEqual(['a', 'a']);
    expect(isDrained).toBe(true);
  });

  it('reads GNU long names, base-256 numbers, old directories and devices', async () => {
    const longName = Buffer.from(`${'n'.repeat(300)}\0`);
    const ofName = patched(entry({ size: longName.length }).subarray(0, 512), 156, 'L');
    const base256 = Buffer.alloc(12);
    base256.writeUInt8(0x80);
    base256.writeUInt32BE(4, 8);
    const archive = Buffer.concat([
      ofName,
      longName,
      Buffer.alloc(tarPaddingBytes(longName.length)),
      patched(entry({}).subarray(0, 512), 124, base256),
      Buffer.from('four'),
      Buffer.alloc(508),
      patched(patched(entry({ name: Buffer.from('old/') }), 156, '\0'), 257, Buffer.alloc(8)),
      patched(entry({}), 156, '3'),
      TAR_END,
    ]);
    expect(await read(archive)).toMatchObject([
      { name: 'n'.repeat(300), content: 'four', size: 4 },
      { name: 'old/', kind: 'directory' },
      { kind: 'other' },
    ]);
  });

  it.each([
    ['no bytes', Buffer.alloc(0), 'not a tar archive'],
    ['text', Buffer.from('hello\n'.repeat(200)), 'not a tar archive'],
    ['gzip', Buffer.concat([Buffer.of(0x1f, 0x8b), Buffer.alloc(600, 1)]), 'gzip'],
    ['a cut header', entry({ content: 'x' }).subarray(0, 300), 'not a tar archive'],
    ['a cut file', entry({ content: 'x'.repeat(900) }).subarray(0, 700), 'within a file'],
    ['a wrong checksum', Buffer.concat([entry({}), Buffer.alloc(512, 7)]), 'checksum'],
    ['letters as a size', patched(entry({}), 124, 'zzzzzzzzzzz'), 'number'],
    ['a negative size', patched(entry({}), 124, Buffer.alloc(12, 0xff)), 'size'],
    ['a sparse file', patched(entry({}), 156, 'S'), 'sparse'],
    ['an unknown type', patched(entry({}), 156, 'V'), 'unknown type "V"'],
    ['a long name without end', patched(entry({ size: 70_000 }), 156, 'L'), '65536'],
    ['a malformed record', record('99 path=a\n'), 'malformed'],
    ['a record without a value', record('7 path\n'), 'malformed'],
    ['a record of length 0', record('0 path=a\n'), 'malformed'],
    ['a sparse record', record('22 GNU.sparse.major=1\n'), 'sparse'],
    ['a size that is no number', record('11 size=ab\n'), 'number'],
  ])('refuses %s', async (_, archive, why) => {
    expect(await problem(archive)).toContain(why);
  });

  it('fails with nothing but TarError for random changes', async () => {
    const archive = Buffer.concat([
      entry({ name: Buffer.alloc(150, 0x61), content: 'hello' }),
      entry({ kind: 'symlink', linkName: Buffer.from('x') }),
      TAR_END,
    ]);
    let seed = 20_261_201;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 400; round += 1) {
      const changed = Buffer.from(archive);
      changed[random(changed.length)] = random(256);
      expect(typeof (await problem(changed)), `round ${round}`).toBe('string');
    }
  });
});

function record(text: string): Buffer {
  return Buffer.concat([
    patched(entry({ size: text.length }).subarray(0, 512), 156, 'x'),
    Buffer.from(text),
    Buffer.alloc(tarPaddingBytes(text.length)),
    entry({}),
    TAR_END,
  ]);
}
