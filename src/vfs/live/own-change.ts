import {
  type HeldNode,
  noteOwnChange,
  type ToldAttributes,
  withUniqueIno,
} from '../nodes/node-table.ts';
import type { Attributes, MaybePromise } from '../provider.ts';

/** Runs a change that the guest makes to a node, so that it is distinct from changes of the host. */
export async function asOwnChange<T>(held: HeldNode, change: () => MaybePromise<T>): Promise<T> {
  held.ownChanges++;
  try {
    return await withoutNotice(held, change);
  } finally {
    held.ownChanges--;
    noteOwnChange(held);
  }
}

/**
 * Runs a change of the guest's after which its kernel itself asks for times and size again: of a file that it writes, of a directory in
 * which it changes a name. The events of the host that follow then find nothing to notify.
 */
export async function withoutNotice<T>(held: HeldNode, change: () => MaybePromise<T>): Promise<T> {
  const { told } = held;
  // The guest must still be notified of an earlier change by someone else.
  const isKnown = told !== null && isUnchanged(told, await attributesOf(held));
  const result = await change();
  if (isKnown && held.told === told) await retell(held, told);
  return result;
}

/** {@link withoutNotice} for a change that concerns several nodes. */
export function withoutNotices<T>(
  [first, ...others]: readonly HeldNode[],
  change: () => MaybePromise<T>,
): MaybePromise<T> {
  if (first === undefined) return change();
  return withoutNotice(first, () => withoutNotices(others, change));
}

async function retell(held: HeldNode, told: ToldAttributes): Promise<void> {
  const now = await attributesOf(held);
  // The rest the guest keeps. If somebody else changed that meanwhile, or the number of directories in it, it differs.
  if (now === null || held.told !== told || !isOfSameKind(told, now)) return;
  const { sizeBytes, mtimeNs, ctimeNs } = now;
  // A change of somebody else could have the same time.
  held.told = { ...told, sizeBytes, mtimeNs, ctimeNs, isSettled: false };
}

/** Reads the attributes that the guest would receive; null when the file is gone. */
export async function attributesOf({ mount, node }: HeldNode): Promise<Attributes | null> {
  try {
    return withUniqueIno(mount, await mount.provider.attributes(node));
  } catch {
    return null;
  }
}

function isOfSameKind(told: ToldAttributes, { ino, mode, uid, gid, nlink }: Attributes): boolean {
  const isSameOwner = told.uid === uid && told.gid === gid;
  return isSameOwner && told.ino === ino && told.mode === mode && told.nlink === nlink;
}

/** True when the guest has received these attributes. */
export function isUnchanged(told: ToldAttributes, now: Attributes | null): now is Attributes {
  if (now === null || !isOfSameKind(told, now)) return false;
  const isSameTime = told.mtimeNs === now.mtimeNs && told.ctimeNs === now.ctimeNs;
  return isSameTime && told.sizeBytes === now.sizeBytes;
}
