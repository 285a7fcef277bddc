import { readFile } from 'node:fs/promises';
import type { FunctionConfig } from '../config/config.ts';
import type { ProtoJSSandbox } from '../js/proto-sandbox.ts';
import type { FunctionSource } from '../js/serve/function-pool.ts';
import type { CliIo } from './io.ts';

/** Reads the module of a function. */
export async function readFunction(config: FunctionConfig): Promise<FunctionSource> {
  const { name, handlerPath, env, timeoutMs } = config;
  return { name, env, timeoutMs, code: await readFile(handlerPath, 'utf8') };
}

/** Builds a sandbox of the function's size; what it prints goes to standard error, each line with its name. */
export async function buildFunction(
  { name, memoryBytes }: FunctionConfig,
  { stderr }: Pick<CliIo, 'stderr'>,
): Promise<ProtoJSSandbox> {
  const { SandboxBuilder } = await import('../js/sandbox-builder.ts');
  const { plainText } = await import('./ui/text/describe.ts');
  return new SandboxBuilder()
    .setHeapSize(memoryBytes)
    .setHostPrintFn((text) => void stderr.write(`[${name}] ${plainText(text)}\n`))
    .build();
}
