import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @returns the folder with package.json, prisma/ and prisma.config.ts, whether the code runs from the sources or
 * a build
 */
export function projectRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'prisma.config.ts'))) return directory;
    if (directory === dirname(directory)) throw new Error(`no prisma.config.ts above ${start}: reinstall hivesync`);
  }
}

/**
 * @param path of a compiled file, below the build's folder
 * @returns the file in the build that this process runs from: `dist` may be another one by now. Code that runs from the
 * sources, as in tests, takes that of `dist`.
 */
export function builtFile(path: string): string {
  const own = join(dirname(dirname(fileURLToPath(import.meta.url))), path);
  return existsSync(own) ? own : join(projectRoot(), 'dist', path);
}
