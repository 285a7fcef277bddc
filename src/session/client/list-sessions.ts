import { GondolinError } from '../../errors/gondolin-error.ts';
import { decodeValue } from '../../util/json-decoder.ts';
import { listSessionPlaces, type SessionPlace } from '../session-directory.ts';
import { type SessionFacts, sessionFacts } from '../session-facts.ts';
import { requestSession } from './session-client.ts';

/** Time for an owner to describe its VM; one that is stopped or busy for longer is listed as not responding. */
const DESCRIBE_LIMIT_MS = 2_000;

/** A VM of this user, with the directory of its session. */
export interface FoundSession {
  readonly place: SessionPlace;
  /** null when the owner did not answer in time, or answered something else. */
  readonly facts: SessionFacts | null;
}

async function describe(place: SessionPlace, limitMs: number): Promise<FoundSession | null> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    const reply = await requestSession(place.directory, 'describe', {}, limit);
    const decoded = decodeValue(reply, sessionFacts);
    return { place, facts: decoded.ok && decoded.value.id === place.id ? decoded.value : null };
  } catch (error) {
    if (limit.aborted) return { place, facts: null };
    if (GondolinError.is(error) && error.code === 'SESSION_FAILED') return null;
    throw error;
  }
}

/** Lists the VMs of this user, the oldest first. One that ends meanwhile is omitted. */
export async function listSessions(
  sessions: string,
  limitMs: number = DESCRIBE_LIMIT_MS,
): Promise<FoundSession[]> {
  const found = await Promise.all(
    listSessionPlaces(sessions).map((place) => describe(place, limitMs)),
  );
  const createdAtMs = ({ facts }: FoundSession) => facts?.createdAtMs ?? 0;
  return found.filter((one) => one !== null).toSorted((a, b) => createdAtMs(a) - createdAtMs(b));
}
