import { type CliOutput, writeText } from '../../io.ts';
import { describeBlocked, describePort, describeStart, plainText } from '../text/describe.ts';
import type { Paint } from '../text/paint.ts';
import { describeImage, ImagePace } from './image-pace.ts';
import type { RunRenderer } from './run-renderer.ts';

/** For `run -- CMD`, whose stdout belongs to the command: reports image builds and the start on stderr. */
export function createRawRenderer(stderr: CliOutput, paint: Paint): RunRenderer {
  const say = (text: string) => writeText(stderr, `${paint('dim', `=> ${plainText(text)}`)}\n`);
  const pace = new ImagePace();
  return {
    onEvent: (event) => {
      if (event.type === 'image-progress' && pace.isWorthALine(event)) {
        return say(`image ${event.image}: ${describeImage(event)}`);
      }
      if (event.type === 'network-blocked') return say(describeBlocked(event));
      if (event.type === 'port-opened') return say(`port: ${describePort(event)}`);
      if (event.type === 'vm-started') return say(`VM ready in ${describeStart(event)}`);
      if (event.type === 'warning') return say(`warning: ${event.message}`);
      return undefined;
    },
    end: async () => undefined,
  };
}
