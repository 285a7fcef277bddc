import { GondolinError } from '../../errors/gondolin-error.ts';
import { keptDirectories } from '../../host/directories.ts';
import { TemplateStore } from '../snapshot/template-store.ts';
import { bootUntilReady } from './cold.ts';
import { restoreLocked } from './restore.ts';
import type { StartContext } from './start-context.ts';
import type { StartedGuest } from './started-guest.ts';

/** Codes that blame the template, and not what a start needs in any case. */
const TEMPLATE_FAILURE = /^(MACHINE|SNAPSHOT|AGENT|MUX|GUEST)_/;

/**
 * Restores the template of this kind of machine; the first start of the kind boots it and saves it. A template that does
 * not load is removed with a warning, and the start boots.
 */
export async function startFromTemplate(context: StartContext): Promise<StartedGuest> {
  const restored = await restoreTemplate(context);
  if (restored !== null) return restored;
  const templates = new TemplateStore(context.directories.templates);
  const lock = await templates.lock(context.templateKey, context.options.signal);
  try {
    // Another gondolin may have made it while this one waited.
    return (await restoreTemplate(context)) ?? (await bootAndSave(context, templates));
  } finally {
    lock.release();
  }
}

/** Null when there is no template, or it did not load and was removed. */
export async function restoreTemplate(context: StartContext): Promise<StartedGuest | null> {
  const { options, templateKey, directories } = context;
  const templates = new TemplateStore(directories.templates);
  try {
    const open = () => templates.open(templateKey);
    return await restoreLocked(context, templates.directory(templateKey), open);
  } catch (error) {
    const isOfTemplate = GondolinError.is(error) && TEMPLATE_FAILURE.test(error.code);
    if (!isOfTemplate || options.signal?.aborted === true) throw error;
    const [reason = ''] = error.message.split('\n');
    options.onWarning?.(
      `the saved machine for a warm start does not load, starting cold: ${reason}`,
    );
    await templates.discard(templateKey);
    return null;
  }
}

/** Boots a guest, saves it as the template before it has an identity, and resumes it as the first VM. */
function bootAndSave(context: StartContext, templates: TemplateStore): Promise<StartedGuest> {
  return bootUntilReady(context, (guest) => saveAndIdentify(context, templates, guest));
}

async function warmMachine({ files }: StartContext, guest: StartedGuest): Promise<void> {
  const { warmUp } = await import('./warm-up.ts');
  await warmUp(guest.agent);
  await files.warm(guest.agent, guest.machine);
}

async function saveAndIdentify(
  context: StartContext,
  templates: TemplateStore,
  guest: StartedGuest,
): Promise<void> {
  const { options, image, files, templateKey, directories, identity, prepareTemplate } = context;
  const onWarning = (message: string) => options.onWarning?.(message);
  const { saveTemplate } = await import('../snapshot/save-template.ts');
  await (prepareTemplate?.(guest) ?? warmMachine(context, guest));
  const { imageTitle } = await import('../../image/recipe-title.ts');
  const { keepCacheSmall } = await import('../../image/trim-cache.ts');
  await saveTemplate(
    {
      machine: guest.machine,
      agent: guest.agent,
      fuse: files.server,
      templates,
      templateKey,
      imageTitle: imageTitle(image.recipe),
    },
    identity,
    onWarning,
  );
  await keepCacheSmall(
    {
      cacheDirectory: directories.cache,
      keptDirectories: keptDirectories(directories),
      keep: [templateKey],
    },
    onWarning,
  );
}
