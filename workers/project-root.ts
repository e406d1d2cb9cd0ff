import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @returns the folder with package.json, prisma/ and prisma.config.ts, whether the code runs from the sources or
 * dist/
 */
export function projectRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'prisma.config.ts'))) return directory;
    if (directory === dirname(directory)) throw new Error(`no prisma.config.ts above ${start}: reinstall hivesync`);
  }
}
