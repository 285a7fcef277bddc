import type { ImageEvent } from '../../../image/guest-image.ts';
import { type CliIo, type CliOutput, writeText } from '../../io.ts';
import { plainText } from '../text/describe.ts';
import { describeImage, ImagePace } from './image-pace.ts';
import type { ProgressMode } from './progress-mode.ts';

type OnProgress = (event: ImageEvent) => void;

/** Runs the work on one image and shows its progress: one live line on a terminal, lines on standard error elsewhere. */
export function withImageProgress<T>(
  io: CliIo,
  mode: Exclude<ProgressMode, 'auto'>,
  title: string,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  if (mode === 'tty') return withLiveLine(io, title, work);
  return work(progressLines(io, mode));
}

function progressLines({ stderr }: CliIo, mode: 'plain' | 'json' | 'quiet'): OnProgress {
  const pace = new ImagePace();
  return (event) => {
    if (mode === 'json') {
      void writeText(stderr, `${JSON.stringify({ type: 'image-progress', ...event })}\n`);
      return;
    }
    if (mode === 'quiet' && event.level !== 'warning') return;
    if (!pace.isWorthALine({ ...event, sandbox: '' })) return;
    void writeText(stderr, `${plainText(describeImage(event))}\n`);
  };
}

async function withLiveLine<T>(
  { stdout, stderr }: CliIo,
  title: string,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const asTerminal = (output: CliOutput) => output as NodeJS.WriteStream;
  const processOutput = new ProcessOutput(asTerminal(stdout), asTerminal(stderr));
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput });
  const warnings: string[] = [];
  const outcome: { result?: Promise<T> } = {};
  const list = new Listr(
    [
      {
        title,
        task: async (_context, task) => {
          outcome.result = work((event) => {
            const text = plainText(describeImage(event));
            if (event.level === 'warning') warnings.push(`${text}\n`);
            else task.title = `${title}: ${text}`;
          });
          await outcome.result;
          task.title = title;
        },
      },
    ],
    {
      ...{ registerSignalListeners: false, renderer: 'default', forceTTY: true },
      ...{ exitOnError: false, fallbackRendererCondition: false },
      rendererOptions: { logger, showErrorMessage: false, collapseErrors: false },
    },
  );
  await list.run();
  for (const warning of warnings) await writeText(stderr, warning);
  if (outcome.result === undefined) throw new TypeError('the work was not started');
  return outcome.result;
}
