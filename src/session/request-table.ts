import { type Decoder, tagged } from '../util/json-decoder.ts';
import type { HostedSession, RequestConnection, RequestKind } from './request-kind.ts';
import { archiveRequest } from './requests/archive.ts';
import { attachRequest } from './requests/attach.ts';
import { copyRequest } from './requests/copy.ts';
import { describeVmRequest } from './requests/describe.ts';
import { execRequest } from './requests/exec.ts';
import { killRequest } from './requests/kill.ts';
import { logsRequest } from './requests/logs.ts';
import { overlaysRequest } from './requests/overlays.ts';
import { portsRequest } from './requests/ports.ts';
import { snapshotRequest } from './requests/snapshot.ts';
import { sshRequest } from './requests/ssh.ts';
import { statsRequest } from './requests/stats.ts';
import { stopRequest } from './requests/stop.ts';
import { waitRequest } from './requests/wait.ts';

/** Every request of a session, by the name that `method` has on the wire. */
const REQUESTS = {
  archive: archiveRequest,
  attach: attachRequest,
  copy: copyRequest,
  describe: describeVmRequest,
  exec: execRequest,
  kill: killRequest,
  logs: logsRequest,
  overlays: overlaysRequest,
  ports: portsRequest,
  snapshot: snapshotRequest,
  ssh: sshRequest,
  stats: statsRequest,
  stop: stopRequest,
  wait: waitRequest,
};

type RequestFields<Kind> = Kind extends RequestKind<infer Fields> ? Fields : never;

/** The fields of each request, without `method`. */
export type SessionRequests = {
  readonly [Method in keyof typeof REQUESTS]: RequestFields<(typeof REQUESTS)[Method]>;
};

/** A request of a client, decoded and ready to be run. */
export type DecodedRequest = (
  session: HostedSession,
  connection: RequestConnection,
) => Promise<unknown>;

function prepare<Fields>({ decoder, run }: RequestKind<Fields>): Decoder<DecodedRequest> {
  return (value, field) => {
    const fields = decoder(value, field);
    return (session, connection) => run(fields, session, connection);
  };
}

const FORMS = Object.entries(REQUESTS).map(([method, kind]) => {
  return [method, prepare(kind as RequestKind<object>)] as const;
});

/** Reads the line of a request. */
export const decodedRequest: Decoder<DecodedRequest> = tagged('method', Object.fromEntries(FORMS));
