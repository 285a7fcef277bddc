import type { Answer, Question } from 'dns-packet';
import { parseHost } from '../../address/host.ts';
import { parseAddress } from '../../address/ip-address.ts';
import { forbiddenRange } from '../../address/ranges.ts';
import type { Policy } from '../policy/compile-policy.ts';
import type { Denied, Verdict } from '../policy/verdict.ts';
import { ruleText, suggestionText } from '../refusal/refusal-text.ts';
import { type DnsQuery, RCODE, readQuery } from './read-query.ts';
import { isLocalhost, isNeverThere, isReverse, reverseAddress } from './special-names.ts';
import type { SyntheticAddresses } from './synthetic-addresses.ts';
import { type DnsReply, writeAnswer, writeError } from './write-answer.ts';

/** Options of {@link answerDns}. */
export interface AnswerDnsOptions {
  /**
   * `address` (default): a denied name gets an address too, so that the connection that follows is refused with the
   * reason and the line to add, instead of "host not found". `refuse`: NXDOMAIN at once.
   * In mode none, names are always refused.
   */
  readonly deniedNames?: 'address' | 'refuse';
  /** True when the message came over TCP: a long response is not truncated. */
  readonly isTcp?: boolean;
  /** Called once for each question that the policy judged, before the response is sent. */
  readonly onQuestion?: (question: {
    readonly name: string;
    readonly type: string;
    readonly verdict: Verdict;
  }) => void;
}

let library: Promise<typeof import('dns-packet')> | undefined;

/** Seconds a client may keep an address; the pool keeps it far longer. */
const TTL_S = 60;
/** RFC 8914: 15 Blocked, 18 Prohibited. */
const EDE = { blocked: 15, prohibited: 18 } as const;

const NOTHING: DnsReply = { rcode: RCODE.noError, answers: [] };
const NO_SUCH_NAME: DnsReply = { rcode: RCODE.nxDomain, answers: [] };
const REFUSED: DnsReply = { rcode: RCODE.refused, answers: [] };
const REFUSED_TYPES: readonly string[] = ['AXFR', 'IXFR', 'MAILA', 'MAILB', 'TKEY', 'TSIG'];

function addressAnswers(question: Question, v4: string, v6: string): Answer[] {
  // The library's types lack ANY, its decoder has it.
  const type: string = question.type;
  const base = { name: question.name, class: 'IN', ttl: TTL_S } as const;
  const answers: Answer[] = [];
  if (type === 'A' || type === 'ANY') answers.push({ ...base, type: 'A', data: v4 });
  if (type === 'AAAA' || type === 'ANY') answers.push({ ...base, type: 'AAAA', data: v6 });
  return answers;
}

function answerReverse(question: Question, name: string, pool: SyntheticAddresses): DnsReply {
  const address = reverseAddress(name);
  const parsed = address === null ? null : parseAddress(address);
  if (address === null || parsed === null) return NO_SUCH_NAME;
  const target = forbiddenRange(parsed)?.name === 'loopback' ? 'localhost' : pool.findName(address);
  if (target === null) return NO_SUCH_NAME;
  const type: string = question.type;
  if (type !== 'PTR' && type !== 'ANY') return NOTHING;
  return {
    rcode: RCODE.noError,
    answers: [{ type: 'PTR', name: question.name, class: 'IN', ttl: TTL_S, data: target }],
  };
}

function explain(refusal: Denied): DnsReply['explanation'] {
  const { reason, suggest } = refusal;
  const suggestion = suggestionText(suggest);
  const move = suggestion === '' ? '' : `; to change it: ${suggestion}`;
  const code = reason === 'mode_none' ? EDE.prohibited : EDE.blocked;
  return { code, text: `gondolin: ${reason} by ${ruleText(refusal)}${move}` };
}

function decideReply(
  question: Question,
  policy: Policy,
  pool: SyntheticAddresses,
  options: AnswerDnsOptions,
): DnsReply {
  const type: string = question.type;
  if (question.class !== 'IN' || REFUSED_TYPES.includes(type)) return REFUSED;
  // The root exists: NXDOMAIN for it would deny every name below (RFC 8020).
  if (question.name === '.') return NOTHING;
  const host = parseHost(question.name);
  // An address needs no lookup, and an invalid host name does not exist.
  if (host?.kind !== 'name') return NO_SUCH_NAME;
  const { name } = host;
  if (isLocalhost(name))
    return { rcode: RCODE.noError, answers: addressAnswers(question, '127.0.0.1', '::1') };
  if (isNeverThere(name)) return NO_SUCH_NAME;
  if (isReverse(name)) return answerReverse(question, name, pool);
  const verdict = policy.decideName(name);
  options.onQuestion?.({ name, type, verdict });
  if (!verdict.isAllowed && (options.deniedNames === 'refuse' || verdict.reason === 'mode_none')) {
    const explanation = explain(verdict);
    return { ...NO_SUCH_NAME, ...(explanation && { explanation }) };
  }
  const { v4, v6 } = pool.addressesFor(name);
  const reply: DnsReply = { rcode: RCODE.noError, answers: addressAnswers(question, v4, v6) };
  const explanation = verdict.isAllowed ? undefined : explain(verdict);
  return explanation ? { ...reply, explanation } : reply;
}

/**
 * Answers one DNS message from the policy and the pool alone: no query ever reaches a real resolver, so names carry nothing
 * out. A and AAAA return the name's made-up addresses, PTR of a made-up address its name, any other type an empty response
 * (HTTPS and SVCB too: no ECH, no other ports).
 * @param message  Untrusted bytes, 12..4096.
 * @returns The response, or null for a message without a header or a response. Never rejects because of bytes.
 */
export async function answerDns(
  message: Buffer,
  policy: Policy,
  pool: SyntheticAddresses,
  options: AnswerDnsOptions = {},
): Promise<Buffer | null> {
  // Kept: a repeated import() costs more than the response itself.
  // Node and a bundler agree on the default of a CommonJS package only.
  library ??= import('dns-packet').then((module) => module.default);
  const codec = await library;
  const read = readQuery(codec, message);
  if (read.kind === 'drop') return null;
  if (read.kind === 'error') return writeError(codec, read.id, read.flags, read.rcode);
  const query: DnsQuery = read.query;
  return writeAnswer(
    codec,
    query,
    decideReply(query.question, policy, pool, options),
    options.isTcp === true,
  );
}
