import { FunctionPool } from '../../js/serve/function-pool.ts';
import type { CommandRun } from '../command-context.ts';
import { buildFunction, readFunction } from '../function-source.ts';
import { writeText } from '../io.ts';
import { openConfig } from '../open-project.ts';
import { unknownName, usageError } from '../usage-error.ts';

interface CallOptions {
  readonly json?: string;
}

function parseEvent(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw usageError(`--json: ${(error as Error).message}`, `Write JSON, e.g. --json '{"a": 1}'.`);
  }
}

/** `call NAME`: calls a function of the project once, and prints its result as JSON. */
export const callCommand: CommandRun<CallOptions> = async ({ io, options, operands }) => {
  const [name, ...rest] = operands;
  if (name === undefined || rest.length > 0) {
    throw usageError('expected the name of a function', `Write gondolin call NAME --json '{…}'.`);
  }
  const { functions } = await openConfig(io, options);
  const found = functions.find((one) => one.name === name);
  if (found === undefined) {
    throw unknownName(
      'function',
      name,
      functions.map((one) => one.name),
    );
  }
  const event = parseEvent(options.json ?? 'null');
  const build = () => buildFunction(found, io);
  const pool = new FunctionPool(await readFunction(found), { size: 1, maxWaiting: 0, build });
  try {
    await writeText(io.stdout, `${JSON.stringify(await pool.call(event), null, 2)}\n`);
    return 0;
  } finally {
    await pool.close();
  }
};
