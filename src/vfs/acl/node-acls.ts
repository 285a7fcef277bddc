import { GROUP_BITS, NINE_BITS, PERMISSION_BITS, S_IFDIR, S_IFMT, S_ISGID } from '../file-mode.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type {
  AttributeChange,
  Caller,
  ExtendedAttributes,
  VfsNode,
  VfsProvider,
} from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import {
  ACL_ACCESS,
  ACL_DEFAULT,
  type AclEntry,
  decodeAcl,
  decodeKeptAcl,
  encodeAcl,
  groupPermissions,
  inherited,
  isMinimal,
  permissionsOf,
  withPermissions,
} from './posix-acl.ts';

/*
 * Access control lists of a mount that keeps extended attributes. The guest's kernel enforces them (FUSE_POSIX_ACL); we keep
 * permission bits and lists consistent, and pass default lists on. Entries name users and groups of the guest: the host
 * never gives them a meaning.
 */

/** Mode and lists that a new node gets from its directory. */
export interface InheritedAcls {
  /** Permission bits to make it with: nobody gets more until it has its lists. */
  readonly mode: number;
  /** Null when permission bits say it all. */
  readonly access: readonly AclEntry[] | null;
  /** Null unless it is a directory. */
  readonly forEntries: Buffer | null;
}

/** A node and its provider. */
type AclNode = Pick<HeldNode, 'node'> & { readonly mount: Pick<HeldNode['mount'], 'provider'> };

export function isAcl(name: string): boolean {
  return name === ACL_ACCESS || name === ACL_DEFAULT;
}

/** Null for a list that is not there, or that the host has damaged. */
async function load(
  attributes: ExtendedAttributes,
  node: VfsNode,
  name: string,
): Promise<readonly AclEntry[] | null> {
  const value = await attributes.get(node, name);
  return value === null ? null : decodeKeptAcl(value);
}

/** Returns a list as the guest sees it; null for none. */
export async function readAcl(
  { node, mount: { provider } }: AclNode,
  attributes: ExtendedAttributes,
  name: string,
): Promise<Buffer | null> {
  const entries = await load(attributes, node, name);
  if (entries === null || name === ACL_DEFAULT) return entries === null ? null : encodeAcl(entries);
  const { mode } = await provider.attributes(node);
  return encodeAcl(withPermissions(entries, mode));
}

/**
 * Sets a list from an untrusted request, and the permission bits that belong to it.
 * @throws {VfsError} EINVAL, EACCES for a default list of what is no directory, and what the provider throws.
 */
export async function writeAcl(
  held: AclNode,
  attributes: ExtendedAttributes,
  acl: { readonly name: string; readonly value: Buffer },
  caller: Caller,
): Promise<void> {
  const { node, mount } = held;
  const entries = decodeAcl(acl.value);
  const { mode, gid } = await mount.provider.attributes(node);
  if (acl.name === ACL_DEFAULT) {
    if ((mode & S_IFMT) !== S_IFDIR) throw new VfsError('EACCES');
    await attributes.set(node, acl.name, encodeAcl(entries), 0);
    return;
  }
  if (isMinimal(entries)) await dropList(attributes, node, acl.name);
  else await attributes.set(node, acl.name, encodeAcl(entries), 0);
  // As for chmod(2), by somebody who may not be in the group.
  const kept = caller.uid === 0 || caller.gid === gid ? ~NINE_BITS : ~NINE_BITS & ~S_ISGID;
  const wanted = (mode & PERMISSION_BITS & kept) | permissionsOf(entries);
  await mount.provider.setAttributes(node, modeChange(entries, wanted), null);
}

function modeChange(entries: readonly AclEntry[], mode: number): AttributeChange {
  if (isMinimal(entries)) return { mode };
  return { mode, groupPermissions: groupPermissions(withPermissions(entries, mode)) };
}

/** Adds to a change of the permission bits what the owning group may, if the node has a list. */
export async function withGroup(
  { node, mount: { provider } }: AclNode,
  change: AttributeChange,
): Promise<AttributeChange> {
  const { mode } = change;
  const { extendedAttributes } = provider;
  if (mode === undefined || extendedAttributes === undefined) return change;
  const entries = await load(extendedAttributes, node, ACL_ACCESS);
  return entries === null ? change : { ...change, ...modeChange(entries, mode) };
}

async function dropList(
  attributes: ExtendedAttributes,
  node: VfsNode,
  name: string,
): Promise<void> {
  if ((await attributes.get(node, name)) !== null) await attributes.remove(node, name);
}

/** Removes a list; one that is not there is removed already. The permission bits stay as they are. */
export async function removeAcl(
  { node, mount: { provider } }: AclNode,
  attributes: ExtendedAttributes,
  name: string,
): Promise<void> {
  await dropList(attributes, node, name);
  if (name === ACL_DEFAULT) return;
  const { mode } = await provider.attributes(node);
  await provider.setAttributes(node, { mode: mode & PERMISSION_BITS }, null);
}

/**
 * Returns mode and lists of a node that the guest makes in a directory. The caller's umask counts where no default list does.
 * @param mode  Permission bits as the program asks for them.
 */
export async function inheritAcls(
  { node, mount: { provider } }: AclNode,
  isDirectory: boolean,
  { mode, umask }: { readonly mode: number; readonly umask: number },
): Promise<InheritedAcls> {
  const { extendedAttributes } = provider;
  const entries =
    extendedAttributes === undefined ? null : await load(extendedAttributes, node, ACL_DEFAULT);
  if (entries === null) {
    return { mode: mode & ~(umask & NINE_BITS), access: null, forEntries: null };
  }
  const access = inherited(entries, mode);
  const isPlain = isMinimal(access);
  const bits = isPlain ? permissionsOf(access) : permissionsOf(access) & ~GROUP_BITS;
  return {
    mode: (mode & ~NINE_BITS) | bits,
    access: isPlain ? null : access,
    forEntries: isDirectory ? encodeAcl(entries) : null,
  };
}

/** Gives a new node the lists of {@link inheritAcls}. */
export async function giveAcls(
  provider: VfsProvider,
  node: VfsNode,
  { access, forEntries }: InheritedAcls,
): Promise<void> {
  const { extendedAttributes } = provider;
  if (access !== null) {
    await extendedAttributes?.set(node, ACL_ACCESS, encodeAcl(access), 0);
    const { mode: made } = await provider.attributes(node);
    const bits = (made & PERMISSION_BITS & ~NINE_BITS) | permissionsOf(access);
    await provider.setAttributes(node, modeChange(access, bits), null);
  }
  if (forEntries !== null) await extendedAttributes?.set(node, ACL_DEFAULT, forEntries, 0);
}
