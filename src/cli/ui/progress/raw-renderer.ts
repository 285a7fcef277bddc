import type { RunEvent } from '../../../project/run-event.ts';
import { type CliOutput, writeText } from '../../io.ts';
import { describeBlocked, describePort, describeStart, plainText } from '../text/describe.ts';
import type { Paint } from '../text/paint.ts';
import { FailedOutput } from './failed-output.ts';
import { describeImage, ImagePace } from './image-pace.ts';
import { outputPrefix } from './plain-renderer.ts';
import type { RunRenderer } from './run-renderer.ts';

function ownerOf(event: RunEvent): string | null {
  return 'sandbox' in event ? event.sandbox : null;
}

/**
 * For `run SANDBOX -- CMD`, whose stdout belongs to the command: reports image builds and starts on stderr, and the output of what
 * fails in the sandboxes that it depends on.
 */
export function createRawRenderer(stderr: CliOutput, paint: Paint, sandbox: string): RunRenderer {
  const say = (text: string) => writeText(stderr, `${paint('dim', `=> ${plainText(text)}`)}\n`);
  const pace = new ImagePace();
  const prefix = (step: { sandbox: string; step: string }) => paint('dim', outputPrefix(step));
  const failed = new FailedOutput({ paint, keepColours: false, prefix });
  const lineOf = (event: RunEvent): string | null => {
    if (event.type === 'image-progress' && pace.isWorthALine(event)) {
      return `image ${event.image}: ${describeImage(event)}`;
    }
    if (event.type === 'network-blocked') return describeBlocked(event);
    if (event.type === 'port-opened') return `port: ${describePort(event)}`;
    if (event.type === 'warning') return `warning: ${event.message}`;
    if (event.type !== 'vm-started') return null;
    return `${event.sandbox === sandbox ? '' : `${event.sandbox}: `}VM ready in ${describeStart(event)}`;
  };
  return {
    onEvent: (event) => {
      if (ownerOf(event) !== sandbox) failed.onEvent(event);
      const isEnd = event.type === 'step-finished' || event.type === 'service-exited';
      if (isEnd) return failed.print(stderr);
      const line = lineOf(event);
      return line === null ? undefined : say(line);
    },
    end: async () => failed.dispose(),
  };
}
