import type { AddCommand } from './add-command.ts';

/** Adds the commands for what gondolin keeps on this machine and needs from it. */
export function addHostCommands(add: AddCommand): void {
  add('build', 'build an image of your own into a directory', async () => {
    return (await import('../commands/build.ts')).buildCommand;
  })
    .option('--config <file>', 'the build configuration (default: Debian without more packages)')
    .option('--output <dir>', 'directory that the image is written to')
    .option('--tag <name>', 'name that the image gets on this machine')
    .option('--arch <arch>', 'processor of the guest, in place of the one in the configuration')
    .option('--init-config', 'print a build configuration to start from')
    .option('--verify <dir>', 'compare the files of an image with its manifest')
    .option('-q, --quiet', 'print only warnings and errors');
  add('pull [sandboxes...]', "pull the project's OCI images", async () => {
    return (await import('../commands/pull.ts')).pullCommand;
  })
    .usage('[options] [SANDBOX...]')
    .option(
      '--locked',
      'fail unless the lock file has every image of a registry and its packages of the others',
    );
  add(
    'lock [sandboxes...]',
    "write the digests and packages of the project's images to its lock file",
    async () => {
      return (await import('../commands/lock.ts')).lockCommand;
    },
  )
    .usage('[options] [SANDBOX...]')
    .option('--only <part>', 'leave the rest as it is: images (of registries) or packages');
  add(
    'images [action] [operands...]',
    'list images, templates, checkpoints and snapshots; name, export, import and describe images',
    async () => {
      return (await import('../commands/images.ts')).imagesCommand;
    },
  )
    .usage(
      '[options] [inspect IMAGE... | tag IMAGE NAME | untag NAME... | export IMAGE DIR | import SOURCE [NAME] | sbom IMAGE]',
    )
    .option('-q, --quiet', 'print only warnings and errors');
  add('df', 'print the disk space that gondolin uses, by kind and by project', async () => {
    return (await import('../commands/df.ts')).dfCommand;
  });
  add('volumes [action] [names...]', 'list the volumes that are kept between runs', async () => {
    return (await import('../commands/volumes.ts')).volumesCommand;
  }).usage('[options] [list | inspect NAME... | rm NAME...]');
  add('prune', 'delete cached data that was not used for a week', async () => {
    return (await import('../commands/prune.ts')).pruneCommand;
  })
    .option('--images', 'only images')
    .option('--templates', 'only saved machines of warm starts, whatever their age')
    .option('--checkpoints', 'only checkpoints of steps, whatever their age')
    .option('--volumes', 'only volumes, which nothing else deletes, whatever their age')
    .option('--all', 'everything that no VM is using, except volumes')
    .option(
      '--older-than <age>',
      'only what has not been used for this long: 90m, 12h, 7d, 2w (default: 7d)',
    )
    .option('--dry-run', 'only print what would be deleted');
  add(
    'doctor',
    'check the requirements on this machine, with a fix for each missing one',
    async () => {
      return (await import('../commands/doctor.ts')).doctorCommand;
    },
  );
}
