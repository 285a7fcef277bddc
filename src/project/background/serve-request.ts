import { GondolinError } from '../../errors/gondolin-error.ts';
import { errorData } from '../../session/error-reply.ts';
import type { FrameSocket } from '../../session/frames/frame-socket.ts';
import type { RequestConnection } from '../../session/request-kind.ts';
import { LineFeed } from './line-feed.ts';
import type { ProjectHost } from './project-host.ts';
import type { ProjectRequest } from './project-request.ts';

/** Resolves when the client has closed the connection. It sends nothing more. */
async function clientGone(stream: FrameSocket): Promise<void> {
  try {
    for await (const _ of stream.frames());
  } catch {
    // A client that breaks the form is gone as well.
    stream.destroy();
  }
}

/** Sends events while work is done, then how it ended. */
async function streamWork(
  host: ProjectHost,
  connection: RequestConnection,
  work: (gone: Promise<void>) => Promise<unknown>,
): Promise<void> {
  const stream = connection.startFrames(null);
  const feed = new LineFeed(stream);
  const stop = host.listen((event) => feed.push(event));
  try {
    const result = await work(clientGone(stream));
    await feed.flush();
    await stream.send('exit', Buffer.from(JSON.stringify(result ?? null)));
  } catch (error) {
    await feed.flush();
    await stream.send('error', Buffer.from(JSON.stringify(errorData(error))));
  } finally {
    stop();
    stream.end();
  }
}

function timeout(limitMs: number | null): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (limitMs === null) return;
    const message = `the sandboxes were not up within ${limitMs / 1000} s`;
    const late = () => reject(new GondolinError('PROJECT_WAIT_TIMEOUT', message));
    setTimeout(late, limitMs).unref();
  });
}

async function apply(
  request: Extract<ProjectRequest, { method: 'apply' }>,
  host: ProjectHost,
  connection: RequestConnection,
): Promise<null> {
  const { source, isForced, wait, waitLimitMs } = request;
  const target = await host.load(source);
  const names = target.sandboxes.map(({ name }) => name);
  await streamWork(host, connection, async (gone) => {
    try {
      await host.project.apply(target, isForced);
      const waited = host.project.waitFor(names, wait);
      const left = gone.then(() => null);
      return { failed: await Promise.race([waited, left, timeout(waitLimitMs)]) };
    } finally {
      await host.saved();
    }
  });
  return null;
}

/** Sends values until the client leaves. */
async function streamUntilGone(
  connection: RequestConnection,
  subscribe: (feed: LineFeed) => Promise<() => void>,
): Promise<void> {
  const stream = connection.startFrames(null);
  const gone = clientGone(stream);
  const stop = await subscribe(new LineFeed(stream));
  await gone;
  stop();
}

async function changeSandboxes(
  request: Extract<ProjectRequest, { method: 'start' | 'stop' | 'restart' }>,
  host: ProjectHost,
): Promise<void> {
  const { project } = host;
  const names = project.namesFor(request.names);
  try {
    if (request.method === 'start') await project.start(names);
    else if (request.method === 'stop') await project.stop(names, request.graceMs);
    else for (const name of names) await project.restart(name, request.graceMs);
  } finally {
    await host.saved();
  }
}

/** Serves a request of another command. @throws {GondolinError} for the reply */
export async function serveRequest(
  request: ProjectRequest,
  host: ProjectHost,
  connection: RequestConnection,
): Promise<unknown> {
  switch (request.method) {
    case 'diff':
      return host.preview(request.source, request.isForced);
    case 'apply':
      return apply(request, host, connection);
    case 'start':
    case 'stop':
    case 'restart':
      return changeSandboxes(request, host);
    case 'down':
      return streamWork(host, connection, () => host.down(request.graceMs));
    case 'events':
      return streamUntilGone(connection, async (feed) => host.listen((event) => feed.push(event)));
    case 'logs':
      return streamUntilGone(connection, async (feed) => {
        const { seq, stop } = await host.logs.follow((line) => feed.push(line));
        feed.push({ type: 'position', seq });
        return stop;
      });
  }
}
