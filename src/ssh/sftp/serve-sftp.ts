import { writeChunk } from '../../util/channel-write.ts';
import type { SshFiles } from '../ssh-guest.ts';
import type { ServerChannel } from '../ssh2.ts';
import { PacketError, PacketReader, REQUEST, reply, STATUS } from './packets.ts';
import { EXTENSIONS, isTransfer, MAX_PACKET_BYTES, SftpRequests, statusReply } from './requests.ts';

/** Requests of one client under way; the next is read when one of them is done. */
const MAX_UNDER_WAY = 64;

/** Collects the bytes of a stream until there are as many as wanted, and copies each of them once. */
class PacketBytes {
  #chunks: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next bytes, which stay; null while there are fewer. */
  peek(length: number): Buffer | null {
    if (this.#length < length) return null;
    const [first] = this.#chunks;
    if (first === undefined || first.length < length) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.subarray(0, length) ?? null;
  }

  skip(length: number): void {
    this.#length -= length;
    this.#chunks[0] = this.#chunks[0]?.subarray(length) ?? Buffer.alloc(0);
  }
}

/** Cuts a byte stream into packets. @throws {PacketError} for one that is too long. */
async function* packets(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  const bytes = new PacketBytes();
  for await (const chunk of stream) {
    bytes.push(chunk as Buffer);
    for (let head = bytes.peek(4); head !== null; head = bytes.peek(4)) {
      const length = head.readUInt32BE();
      if (length < 1 || length > MAX_PACKET_BYTES) throw new PacketError('a packet is too long');
      const packet = bytes.peek(4 + length);
      if (packet === null) break;
      bytes.skip(4 + length);
      yield packet.subarray(4);
    }
  }
}

/**
 * One client: replies are sent in the order of its requests, on which OpenSSH depends (a reply that overtakes another
 * truncates its file). Reads and writes are under way together; everything else waits for what came before.
 */
class SftpClient {
  readonly #channel: ServerChannel;
  readonly #requests: SftpRequests;
  readonly #underWay = new Set<Promise<unknown>>();
  /** The last reply that is to be sent. */
  #sent: Promise<void> = Promise.resolve();
  #isOpen = false;

  constructor(channel: ServerChannel, files: SshFiles) {
    this.#channel = channel;
    this.#requests = new SftpRequests(files);
  }

  async run(): Promise<void> {
    try {
      // The loop leaves the channel open: an exit code is still to be sent.
      const stream = this.#channel.iterator({ destroyOnReturn: false });
      for await (const packet of packets(stream)) await this.#take(packet);
      await this.#sent;
    } finally {
      await Promise.allSettled(this.#underWay);
      await this.#requests.closeAll();
    }
  }

  async #take(packet: Buffer): Promise<void> {
    const body = new PacketReader(packet);
    const type = body.u8();
    if (type === REQUEST.INIT) {
      if (this.#isOpen) throw new PacketError('a second INIT');
      this.#isOpen = true;
      this.#send(Promise.resolve(reply.version(EXTENSIONS)));
      return;
    }
    if (!this.#isOpen) throw new PacketError('a request before INIT');
    if (!isTransfer(type)) await Promise.all(this.#underWay);
    while (this.#underWay.size >= MAX_UNDER_WAY) await Promise.race(this.#underWay);
    this.#send(this.#answer(type, body));
  }

  async #answer(type: number, body: PacketReader): Promise<Buffer> {
    const id = body.u32();
    try {
      return await this.#requests.serve(type, id, body);
    } catch (error) {
      if (error instanceof PacketError) return reply.status(id, STATUS.BAD_MESSAGE, error.message);
      return statusReply(id, error);
    }
  }

  #send(answer: Promise<Buffer>): void {
    const before = this.#sent;
    const sent = answer.then(async (bytes) => {
      await before;
      await writeChunk(this.#channel, bytes, this.#channel);
    });
    this.#sent = sent;
    const done = sent.finally(() => this.#underWay.delete(done));
    // A packet without an id fails here and, by `#sent`, the client.
    done.catch(() => undefined);
    this.#underWay.add(done);
  }
}

/** Serves SFTP version 3 on a channel until its client has ended it; then ends it with exit code 0. Never rejects. */
export async function serveSftp(channel: ServerChannel, files: SshFiles): Promise<void> {
  let code = 0;
  try {
    await new SftpClient(channel, files).run();
  } catch {
    // A client that breaks the protocol, or is gone.
    code = 1;
  }
  // Without an exit code scp reports a failure.
  channel.exit(code);
  channel.end();
}
