import { remoteFileSystemOf } from '../../host/remote-file-system.ts';
import { OverlayProvider } from '../overlay-provider.ts';
import type { VfsProvider } from '../provider.ts';
import { ReadonlyProvider } from '../readonly-provider.ts';
import { RealFSProvider } from '../real-fs-provider.ts';
import { ShadowProvider } from '../shadow-provider.ts';
import { RemoteProvider, type RemoteTree } from './remote-provider.ts';

/** True for the class itself: what a subclass of a program overrides must run here. */
function isExactly<T extends object>(value: object, type: new (...args: never[]) => T): value is T {
  return Object.getPrototypeOf(value) === type.prototype;
}

/** Returns the host tree that a provider serves, null for one that another process cannot serve in its place. */
function treeOf(provider: VfsProvider): (RemoteTree & { readonly isReadonly: boolean }) | null {
  if (isExactly(provider, RealFSProvider)) return { ...provider.tree, isReadonly: false };
  if (isExactly(provider, ReadonlyProvider)) {
    const tree = treeOf(provider.inner);
    return tree === null ? null : { ...tree, isReadonly: true };
  }
  if (!isExactly(provider, ShadowProvider)) return null;
  const { inner, hide } = provider.parts;
  const tree = treeOf(inner);
  if (tree === null || hide === null) return null;
  return { ...tree, hide: [...(tree.hide ?? []), ...hide] };
}

/** Returns a provider with a process of its own for one whose host path may hang; any other as it is. */
export function isolateRemote(provider: VfsProvider): VfsProvider {
  const tree = treeOf(provider);
  if (tree !== null) {
    if (remoteFileSystemOf(tree.hostPath) === null) return provider;
    const remote = new RemoteProvider(tree);
    return tree.isReadonly ? new ReadonlyProvider(remote) : remote;
  }
  if (isExactly(provider, OverlayProvider)) {
    const { upper, lower } = provider.layers;
    const [above, below] = [isolateRemote(upper), isolateRemote(lower)];
    return above === upper && below === lower ? provider : provider.over(above, below);
  }
  if (isExactly(provider, ShadowProvider)) {
    const { inner, shouldShadow } = provider.parts;
    const isolated = isolateRemote(inner);
    // Paths are needed to hide by a predicate of a program's own.
    if (isolated !== inner && isolated.place !== undefined)
      return new ShadowProvider(isolated, { shouldShadow });
  }
  return provider;
}
