import type { Answer, OptAnswer, Packet } from 'dns-packet';
import { MAX_EXPLANATION_LENGTH } from './limits.ts';
import { type DnsQuery, RCODE } from './read-query.ts';

/** The content of a response. */
export interface DnsReply {
  readonly rcode: number;
  readonly answers: readonly Answer[];
  /** Extended DNS error (RFC 8914), sent to clients with EDNS; `text` in printable ASCII. */
  readonly explanation?: { readonly code: number; readonly text: string };
}

type Library = typeof import('dns-packet');

/** RFC 6891 §6.2.5 asks for a size that avoids fragmentation; this one is from the DNS flag day. */
const OUR_UDP_PAYLOAD_BYTES = 1_232;
const SMALLEST_UDP_BYTES = 512;
const EDE_OPTION = 15;
/** Seconds that a client may cache an empty response: short, because a restored VM may have another policy. */
const NEGATIVE_TTL_S = 5;

function ednsRecord(rcode: number, explanation: DnsReply['explanation']): OptAnswer {
  const text = Buffer.from(explanation?.text.slice(0, MAX_EXPLANATION_LENGTH) ?? '');
  const code = Buffer.alloc(2);
  code.writeUInt16BE(explanation?.code ?? 0);
  // The types only have the options of 2020; the encoder accepts any code with data.
  const option = {
    code: EDE_OPTION,
    data: Buffer.concat([code, text]),
  } as unknown as OptAnswer['options'][number];
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: OUR_UDP_PAYLOAD_BYTES,
    extendedRcode: rcode >> 4,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: explanation ? [option] : [],
  };
}

/** Lets clients cache an empty response (RFC 2308 §3). */
function emptyZone(): Answer {
  const data = {
    mname: 'gondolin.invalid',
    rname: 'nobody.invalid',
    serial: 1,
    refresh: 60,
    retry: 60,
    expire: 60,
    minimum: NEGATIVE_TTL_S,
  };
  return { type: 'SOA', name: '.', class: 'IN', ttl: NEGATIVE_TTL_S, data };
}

/** Returns a response with a header only, for a message that could not be read. */
export function writeError(library: Library, id: number, flags: number, rcode: number): Buffer {
  const additionals: Answer[] = rcode > 15 ? [ednsRecord(rcode, undefined)] : [];
  return library.encode({
    type: 'response',
    id,
    flags: flags | library.RECURSION_AVAILABLE | (rcode & 0xf),
    additionals,
  });
}

/**
 * Returns the bytes of a response, truncated to its question with the TC bit if the client cannot receive it over UDP.
 * @param isTcp  True if the response is sent over TCP: up to 65,535 bytes.
 */
export function writeAnswer(
  library: Library,
  query: DnsQuery,
  reply: DnsReply,
  isTcp: boolean,
): Buffer {
  const flags = query.flags | library.RECURSION_AVAILABLE | (reply.rcode & 0xf);
  const additionals = query.edns ? [ednsRecord(reply.rcode, reply.explanation)] : [];
  const isNegative =
    reply.answers.length === 0 &&
    [RCODE.noError, RCODE.nxDomain].some((code) => code === reply.rcode);
  const packet: Packet = {
    type: 'response',
    id: query.id,
    flags,
    questions: [query.question],
    answers: [...reply.answers],
    authorities: isNegative ? [emptyZone()] : [],
    additionals,
  };
  const bytes = library.encode(packet);
  const limit = isTcp
    ? 65_535
    : Math.min(
        Math.max(query.edns?.udpPayloadBytes ?? 0, SMALLEST_UDP_BYTES),
        OUR_UDP_PAYLOAD_BYTES,
      );
  if (bytes.length <= limit) return bytes;
  const bare = query.edns ? [ednsRecord(reply.rcode, undefined)] : [];
  return library.encode({
    ...packet,
    flags: flags | library.TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: bare,
  });
}
