import type { DecodedPacket, OptAnswer, Question } from 'dns-packet';
import { MAX_ADDITIONALS, MAX_QUERY_BYTES } from './limits.ts';

/** A DNS message with one question. */
export interface DnsQuery {
  readonly id: number;
  /** Header bits that the response repeats: RD and CD. */
  readonly flags: number;
  /** The one question; its name in the case the client wrote (RFC 9018 and 0x20 clients compare it). */
  readonly question: Question;
  /** Present when the client speaks EDNS; its UDP payload size in bytes. */
  readonly edns: { readonly udpPayloadBytes: number } | null;
}

/** Response codes (RFC 1035 §4.1.1, RFC 6891 §6.1.3). */
export const RCODE = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  badVers: 16,
} as const;

/** The result of reading a message. `drop`: it has no header, or is a response. `error`: respond with that code. */
export type ReadQuery =
  | { readonly kind: 'query'; readonly query: DnsQuery }
  | { readonly kind: 'error'; readonly id: number; readonly flags: number; readonly rcode: number }
  | { readonly kind: 'drop' };

const HEADER_BYTES = 12;
const REPEATED_FLAGS = 0x0110;

type Library = typeof import('dns-packet');

/** Detects labels with dots, invalid UTF-8, pointers and unknown class bits: re-encoding would change them. */
function isFaithful(library: Library, message: Buffer, question: Question): boolean {
  const bytes = library
    .encode({ type: 'query', id: 0, questions: [question] })
    .subarray(HEADER_BYTES);
  return message.subarray(HEADER_BYTES, HEADER_BYTES + bytes.length).equals(bytes);
}

function decode(library: Library, message: Buffer): DecodedPacket | null {
  try {
    return library.decode(message);
  } catch {
    // Whatever the decoder rejects is malformed: respond FORMERR instead of failing.
    return null;
  }
}

/**
 * Decodes one message within bounds.
 * @param message  Untrusted bytes. Never throws.
 */
export function readQuery(library: Library, message: Buffer): ReadQuery {
  if (message.length < HEADER_BYTES || message.length > MAX_QUERY_BYTES) return { kind: 'drop' };
  const id = message.readUInt16BE(0);
  const header = message.readUInt16BE(2);
  if (header & 0x8000) return { kind: 'drop' };
  const flags = header & REPEATED_FLAGS;
  const error = (rcode: number): ReadQuery => ({ kind: 'error', id, flags, rcode });
  if ((header >> 11) & 0xf) return error(RCODE.notImp);
  const counts = [4, 6, 8, 10].map((offset) => message.readUInt16BE(offset));
  const [questions, answers, authorities, additionals = 0] = counts;
  if (questions !== 1 || answers !== 0 || authorities !== 0) return error(RCODE.formErr);
  if (additionals > MAX_ADDITIONALS) return error(RCODE.formErr);
  const packet = decode(library, message);
  const [question] = packet?.questions ?? [];
  if (!packet || !question || !isFaithful(library, message, question)) return error(RCODE.formErr);
  const options = (packet.additionals ?? []).filter(
    (record): record is OptAnswer => record.type === 'OPT',
  );
  const [option] = options;
  if (options.length > 1) return error(RCODE.formErr);
  if (option && option.ednsVersion !== 0) return error(RCODE.badVers);
  const edns = option ? { udpPayloadBytes: option.udpPayloadSize } : null;
  return { kind: 'query', query: { id, flags, question, edns } };
}
