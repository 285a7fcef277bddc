import type {
  Blocked,
  BlockReason,
  Check,
  Decider,
  HostKeyProblem,
  Leak,
  LeakPlace,
  LeakReason,
  SshCheck,
  Suggestion,
} from './refusal.ts';

/** The checks in words; empty where the message of the response is enough. */
const CHECK_TEXTS: Readonly<Record<Check, string>> = {
  host_name: 'host name or port',
  dialled_address: 'the address dialled',
  passthrough_without_name: 'passthrough needs a TLS server name',
  passthrough_encrypted_hello: 'passthrough cannot check an encrypted client hello',
  tls_server_name: 'the TLS server name is not the name the connection was made to',
  authority: '',
  method: '',
  target: '',
  several_hosts: '',
  missing_host: '',
  http10_transfer_encoding: '',
  overrides: '',
  hook_url: '',
};

function reasonClause({ reasons }: { readonly reasons: readonly string[] }): string {
  return reasons.length === 0 ? '' : `, reason: ${reasons.join('; ')}`;
}

const SSH_TEXTS: Readonly<Record<SshCheck, string>> = {
  commands: 'no entry of commands covers it',
  exec_policy: 'execPolicy refused it',
  session: 'only commands are carried',
};

const HOST_KEY_TEXTS: Readonly<Record<HostKeyProblem, string>> = {
  unknown: 'the key of the server is not known',
  changed: 'the key of the server is not the known one',
  revoked: 'the key of the server is revoked',
  unverified: 'hostVerifier refused the key of the server',
};

function deciderText(decider: Decider): string {
  switch (decider.by) {
    case 'mode':
      return `mode: none (asked for ${decider.host})`;
    case 'denied_hosts':
      return `denied_hosts: ${JSON.stringify(decider.entry)}`;
    case 'allowed_hosts': {
      const { near, port, transport } = decider;
      if (near.length === 0) return 'allowed_hosts: no entry covers it';
      const entries = near.map((entry) => JSON.stringify(entry)).join(', ');
      const asked = transport === 'tcp' ? 'raw TCP' : transport;
      return `allowed_hosts: ${entries} does not cover ${asked} on port ${port}`;
    }
    case 'unread':
      return 'mode: open, but rules, hooks or secrets have to read requests: raw TCP needs /tcp';
    case 'rule':
      return `rules[${decider.index}]: deny ${JSON.stringify(decider.host)}${reasonClause(decider)}`;
    case 'rules':
      return `rules: no allow rule of this host matches${reasonClause(decider)}`;
    case 'range':
      return `block_private_ips: ${decider.name} (${decider.cidr})`;
    case 'check':
      return CHECK_TEXTS[decider.check];
    case 'ssh':
      return `ssh: ${SSH_TEXTS[decider.check]}: ${JSON.stringify(decider.asked)}`;
    case 'host_key':
      return `known_hosts: ${HOST_KEY_TEXTS[decider.problem]} (${decider.key})`;
  }
}

/** The entries that decided, as the user wrote them: `denied_hosts: "telemetry.example.com"`; may be empty. */
export function ruleText({ decidedBy }: Pick<Blocked, 'decidedBy'>): string {
  return decidedBy
    .map(deciderText)
    .filter((text) => text !== '')
    .join('; ');
}

/** The `reason` of the rules that decided, as the user wrote it; empty without one. */
export function ruleReasonText({ decidedBy }: Pick<Blocked, 'decidedBy'>): string {
  return decidedBy.flatMap((decider) => ('reasons' in decider ? decider.reasons : [])).join('; ');
}

/** The YAML to put under `network:`, or `remove "…" from denied_hosts`; empty for null. */
export function suggestionText(suggest: Suggestion | null): string {
  switch (suggest?.kind) {
    case undefined:
      return '';
    case 'add':
      return `${suggest.list}: [${JSON.stringify(suggest.entry)}]`;
    case 'open':
      return `network: { mode: allowlist, allowed_hosts: [${JSON.stringify(suggest.entry)}] }`;
    case 'remove':
      return `remove ${JSON.stringify(suggest.entry)} from ${suggest.list}`;
    case 'rule': {
      const { host, method, path } = suggest;
      const methods = method === null ? '' : ` methods: [${method}],`;
      const where = `host: ${JSON.stringify(host)},${methods} paths: [${JSON.stringify(path)}]`;
      return `rules: [{ ${where}, action: allow }]`;
    }
    case 'ssh_command': {
      const { host, command } = suggest;
      return `ssh: [{ hosts: [${JSON.stringify(host)}], commands: [${JSON.stringify(command)}] }]`;
    }
  }
}

const BLOCK_WORDS: Readonly<Record<BlockReason, string>> = {
  mode_none: 'network.mode is none',
  invalid_host: 'not a valid host name or address',
  not_allowed: 'not in allowed_hosts',
  denied: 'denied',
  rule: 'refused by a rule',
  private_address: 'private address',
  name_mismatch: 'names disagree',
  hook: 'refused by a hook',
  protocol: 'no valid TLS or HTTP',
  ssh_command: 'SSH command not allowed',
  ssh_host_key: 'SSH server not known',
};

const PLACE_WORDS: Readonly<Record<LeakPlace, string>> = {
  header: 'in a header',
  path: 'in the path',
  query: 'in the query',
  body: 'in the body',
  trailer: 'in a trailer',
  websocket: 'in a WebSocket message',
  tcp: 'in raw TCP',
  connection: 'in the request',
};

const LEAK_WORDS: Readonly<Record<LeakReason, string>> = {
  host_not_listed: 'to a host that may not have it',
  not_tls: 'over plain HTTP',
  place: 'where its value does not go',
  revoked: 'after it was revoked',
};

/** The reason in a few words: `not in allowed_hosts`. */
export function reasonText(refusal: Blocked | Leak): string {
  if (refusal.kind === 'blocked') return BLOCK_WORDS[refusal.reason];
  const { secret, place, reason } = refusal;
  return `placeholder of secret ${secret} ${PLACE_WORDS[place]}, ${LEAK_WORDS[reason]}`;
}

/** The next move after a placeholder was refused, for people: `send it in a header`. */
export function leakAdvice({ place, reason }: Leak): string {
  if (reason === 'host_not_listed')
    return 'if it may have the value, add it to the hosts of that secret';
  if (reason === 'revoked') return 'the secret was revoked: do without it, or ask for a new one';
  if (reason === 'not_tls') return 'use https, or set allow_http on that secret';
  if (place === 'query') return 'send it in a header, or set query on that secret';
  if (place === 'header')
    return 'send it whole, as the value of a header that the secret allows or in Basic credentials';
  return 'send it in a header';
}
