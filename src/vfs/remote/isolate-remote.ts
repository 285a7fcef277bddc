import { remoteFileSystemOf } from '../../host/remote-file-system.ts';
import { OverlayProvider } from '../overlay-provider.ts';
import type { VfsProvider } from '../provider.ts';
import { ReadonlyProvider } from '../readonly-provider.ts';
import { RealFSProvider } from '../real-fs-provider.ts';
import { RemoteProvider } from './remote-provider.ts';

/** True for the class itself: what a subclass of a program overrides must run here. */
function isExactly<T extends object>(value: object, type: new (...args: never[]) => T): value is T {
  return Object.getPrototypeOf(value) === type.prototype;
}

/** Returns a provider with a process of its own for one whose host path may hang; any other as it is. */
export function isolateRemote(provider: VfsProvider): VfsProvider {
  if (isExactly(provider, ReadonlyProvider)) {
    const inner = isolateRemote(provider.inner);
    return inner === provider.inner ? provider : new ReadonlyProvider(inner);
  }
  if (isExactly(provider, OverlayProvider)) {
    const { upper, lower } = provider.layers;
    const [above, below] = [isolateRemote(upper), isolateRemote(lower)];
    return above === upper && below === lower ? provider : new OverlayProvider(above, below);
  }
  if (!isExactly(provider, RealFSProvider)) return provider;
  const { tree } = provider;
  return remoteFileSystemOf(tree.hostPath) === null ? provider : new RemoteProvider(tree);
}
