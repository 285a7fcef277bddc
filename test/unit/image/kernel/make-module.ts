/** A small relocatable ELF-64 with one information section, as a kernel module has. */
export function makeModule(info: {
  readonly name: string | null;
  readonly depends: readonly string[];
  readonly section?: string;
}): Buffer {
  const lines = ['license=GPL', `depends=${info.depends.join(',')}`];
  if (info.name !== null) lines.push(`name=${info.name}`);
  const text = Buffer.from(`${lines.join('\0')}\0`);
  const names = Buffer.from(`\0${info.section ?? '.modinfo'}\0.shstrtab\0`);
  const textAt = 64;
  const namesAt = textAt + text.length;
  const tableAt = namesAt + names.length;
  const header = Buffer.alloc(64);
  header.write('7f454c460201', 'hex');
  header.writeBigUInt64LE(BigInt(tableAt), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  header.writeUInt16LE(2, 62);
  return Buffer.concat([
    header,
    text,
    names,
    Buffer.alloc(64),
    sectionHeader(1, textAt, text.length),
    sectionHeader(names.indexOf('.shstrtab'), namesAt, names.length),
  ]);
}

function sectionHeader(nameOffset: number, offset: number, sizeBytes: number): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(nameOffset, 0);
  header.writeBigUInt64LE(BigInt(offset), 24);
  header.writeBigUInt64LE(BigInt(sizeBytes), 32);
  return header;
}
